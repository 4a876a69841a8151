import GRPC
import ProtobufC

extension RPCError {
  /// An error that programs can read: a `google.rpc.Status` with these messages goes along in
  /// `grpc-status-details-bin`.
  ///
  /// ```swift
  /// throw RPCError(
  ///   .resourceExhausted, "too many jobs",
  ///   attaching: [
  ///     GoogleRpc.ErrorInfo(reason: "JOB_LIMIT", domain: "jobs.example.com"),
  ///     GoogleRpc.RetryInfo(retryDelay: GoogleProtobuf.Duration(.seconds(30))),
  ///   ])
  /// ```
  ///
  /// A message that has no encoding, such as one with U+0000 in a text, is left out: the error must
  /// reach the caller all the same.
  public init(
    _ code: StatusCode, _ message: String, attaching messages: [any WireMessage & NamedMessage]
  ) {
    self.init(code, message)
    let status = GoogleRpc.Status(
      code: Int32(truncatingIfNeeded: code.rawValue), message: message,
      details: messages.compactMap { try? GoogleProtobuf.AnyMessage(packing: $0) })
    details = (try? status.wireBytes()) ?? []
  }

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
