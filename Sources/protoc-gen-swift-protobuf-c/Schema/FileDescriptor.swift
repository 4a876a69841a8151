import CProtobufC
import CProtobufCompiler
import ProtobufC

/// A proto file's serialized `google.protobuf.FileDescriptorProto`: what reflection hands out.
struct FileDescriptor {
  let name: String
  let package: String
  let dependencies: [String]
  let bytes: [UInt8]

  /// Takes comments out of a descriptor, and the JSON names that follow from the fields' own, as protoc does for its
  /// own languages. The structs are changed: read comments before.
  init(strippingComments file: UnsafePointer<Google__Protobuf__FileDescriptorProto>) {
    name = CReading.string(file.pointee.name)
    package = CReading.string(file.pointee.package)
    dependencies = CReading.strings(file.pointee.n_dependency, file.pointee.dependency)
    UnsafeMutablePointer(mutating: file).pointee.source_code_info = nil
    for message in CReading.messages(file.pointee.n_message_type, file.pointee.message_type, { $0 })
    {
      Self.strip(message)
    }
    for field in CReading.messages(file.pointee.n_extension, file.pointee.extension, { $0 }) {
      UnsafeMutablePointer(mutating: field).pointee.json_name = nil
    }
    let message = UnsafeRawPointer(file).assumingMemoryBound(to: ProtobufCMessage.self)
    bytes = [UInt8](unsafeUninitializedCapacity: protobuf_c_message_get_packed_size(message)) {
      buffer, count in
      count = buffer.baseAddress.map { protobuf_c_message_pack(message, $0) } ?? 0
    }
  }

  private static func strip(_ message: UnsafePointer<Google__Protobuf__DescriptorProto>) {
    let fields =
      CReading.messages(message.pointee.n_field, message.pointee.field) { $0 }
      + CReading.messages(message.pointee.n_extension, message.pointee.extension) { $0 }
    for field in fields { UnsafeMutablePointer(mutating: field).pointee.json_name = nil }
    for nested in CReading.messages(
      message.pointee.n_nested_type, message.pointee.nested_type, { $0 })
    {
      strip(nested)
    }
  }
}
