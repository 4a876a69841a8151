/// A message that can be written in protobuf's JSON mapping.
public protocol ProtoJSONMessage: NamedMessage {
  /// The message on one line. Scalar fields are written also where they hold their default. Throws if a string holds a
  /// NUL.
  func jsonText() throws -> String
}
