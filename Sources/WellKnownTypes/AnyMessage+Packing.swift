import GRPC
import ProtobufC

extension GoogleProtobuf.AnyMessage {
  /// Wraps a message under `type.googleapis.com/` and its name.
  public init<Message: WireMessage & NamedMessage>(packing message: Message) throws {
    self.init(
      typeURL: "type.googleapis.com/" + Message.messageName, value: try message.wireBytes())
  }

  /// The message that it wraps. Nil: it is of another type. Throws if its bytes are none.
  public func unpacked<Message: WireMessage & NamedMessage>(as type: Message.Type) throws
    -> Message?
  {
    // The part before the last slash is anyone's choice (any.proto).
    guard typeURL.hasSuffix("/" + Message.messageName) else { return nil }
    return try Message(wireBytes: value)
  }
}
