import GRPC
import ProtobufC

extension RPCError {
  /// The `google.rpc.Status` that came along in `grpc-status-details-bin`. Nil: none, or none that can be read.
  public var status: GoogleRpc.Status? {
    details.isEmpty ? nil : try? GoogleRpc.Status(wireBytes: details)
  }

  /// The first detail of a type, such as `GoogleRpc.ErrorInfo`. Nil: there is none.
  public func detail<Message: WireMessage & NamedMessage>(_ type: Message.Type) -> Message? {
    guard let status else { return nil }
    for detail in status.details {
      if let message = try? detail.unpacked(as: type) { return message }
    }
    return nil
  }
}
