/// A message type that knows its proto name, such as `google.rpc.ErrorInfo`: what `google.protobuf.Any` goes by.
public protocol NamedMessage {
  /// The full name in the proto file.
  static var messageName: String { get }
}
