/// A proto file, as the generator compiled it in: what reflection hands out.
public struct ProtoFile: Sendable {
  /// As it is imported, such as `google/protobuf/any.proto`.
  public let name: String
  /// The files that it imports.
  public let imports: [ProtoFile]
  private let base64: StaticString

  /// A file with a serialized `google.protobuf.FileDescriptorProto`, in base64.
  public init(_ name: String, imports: [ProtoFile], base64: StaticString) {
    self.name = name
    self.imports = imports
    self.base64 = base64
  }

  /// The serialized `google.protobuf.FileDescriptorProto`; decoded anew each time.
  public var descriptor: [UInt8] {
    base64.withUTF8Buffer { Base64.decode($0) ?? [] }
  }
}
