/// A message that can be written in protobuf's JSON mapping.
public protocol ProtoJSONMessage: NamedMessage {
  /// The message on one line. Scalar fields are written also where they hold their default; map fields are written
  /// as lists of their entries, since protobuf-c keeps no mark of them. Throws if a string holds a NUL.
  func jsonText() throws -> String
}
