import CProtobufCompiler
import ProtobufC

/// Reads protoc's file descriptors into a ``SchemaFile``, and refuses what no code can be made of.
struct SchemaReader {
  private let comments: CommentIndex
  private let fileName: String

  static func file(_ file: UnsafePointer<Google__Protobuf__FileDescriptorProto>)
    throws(GenerationError) -> SchemaFile
  {
    let name = CReading.string(file.pointee.name)
    guard CReading.string(file.pointee.syntax) == "proto3" else {
      throw GenerationError("\(name): only proto3 is supported.")
    }
    let package = CReading.string(file.pointee.package)
    guard !package.isEmpty else { throw GenerationError("\(name): a package is needed.") }
    guard file.pointee.n_extension == 0 else {
      throw GenerationError("\(name): extensions are not supported.")
    }
    let reader = SchemaReader(
      comments: CommentIndex(file.pointee.source_code_info), fileName: name)
    let scope = "." + package
    return SchemaFile(
      name: name, package: package,
      dependencies: CReading.strings(file.pointee.n_dependency, file.pointee.dependency),
      messages: try reader.each(file.pointee.n_message_type, file.pointee.message_type, [4]) {
        (message, path) throws(GenerationError) in try reader.message(message, scope, path)
      },
      enums: try reader.each(file.pointee.n_enum_type, file.pointee.enum_type, [5]) {
        (value, path) throws(GenerationError) in reader.enumeration(value, scope, path)
      },
      services: try reader.each(file.pointee.n_service, file.pointee.service, [6]) {
        (service, path) throws(GenerationError) in reader.service(service, package, path)
      })
  }

  private func message(
    _ message: UnsafePointer<Google__Protobuf__DescriptorProto>, _ scope: String, _ path: [Int32]
  ) throws(GenerationError) -> SchemaMessage {
    let name = CReading.string(message.pointee.name)
    let fullName = scope + "." + name
    return SchemaMessage(
      fullName: fullName, name: name, comment: comments[path],
      fields: try each(message.pointee.n_field, message.pointee.field, path + [2]) {
        (value, path) throws(GenerationError) in try field(value, of: fullName, path)
      },
      oneofs: try each(message.pointee.n_oneof_decl, message.pointee.oneof_decl, path + [8]) {
        (oneof, path) throws(GenerationError) in
        SchemaOneof(name: CReading.string(oneof.pointee.name), comment: comments[path])
      },
      messages: try each(message.pointee.n_nested_type, message.pointee.nested_type, path + [3]) {
        (nested, path) throws(GenerationError) in try self.message(nested, fullName, path)
      },
      enums: try each(message.pointee.n_enum_type, message.pointee.enum_type, path + [4]) {
        (nested, path) throws(GenerationError) in enumeration(nested, fullName, path)
      },
      isMapEntry: message.pointee.options.map { $0.pointee.map_entry != 0 } ?? false)
  }

  private func field(
    _ field: UnsafePointer<Google__Protobuf__FieldDescriptorProto>, of message: String,
    _ path: [Int32]
  ) throws(GenerationError) -> SchemaField {
    let name = CReading.string(field.pointee.name)
    guard field.pointee.proto3_optional == 0 else {
      throw GenerationError("\(fileName): \(message).\(name): protoc-c takes no proto3 optional.")
    }
    guard let kind = SchemaField.Kind(rawValue: UInt32(field.pointee.type.rawValue)),
      kind != .group
    else {
      throw GenerationError("\(fileName): \(message).\(name): its type is not supported.")
    }
    return SchemaField(
      name: name, number: field.pointee.number, kind: kind,
      typeName: CReading.string(field.pointee.type_name),
      isRepeated: field.pointee.label
        == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED,
      oneof: field.pointee.has_oneof_index != 0 ? Int(field.pointee.oneof_index) : nil,
      comment: comments[path])
  }

  private func enumeration(
    _ enumeration: UnsafePointer<Google__Protobuf__EnumDescriptorProto>, _ scope: String,
    _ path: [Int32]
  ) -> SchemaEnum {
    let name = CReading.string(enumeration.pointee.name)
    let values = CReading.messages(enumeration.pointee.n_value, enumeration.pointee.value) { $0 }
    return SchemaEnum(
      fullName: scope + "." + name, name: name, comment: comments[path],
      values: values.enumerated().map { index, value in
        SchemaEnum.Value(
          name: CReading.string(value.pointee.name), number: value.pointee.number,
          comment: comments[path + [2, Int32(index)]])
      })
  }

  private func service(
    _ service: UnsafePointer<Google__Protobuf__ServiceDescriptorProto>, _ package: String,
    _ path: [Int32]
  ) -> SchemaService {
    let name = CReading.string(service.pointee.name)
    let methods = CReading.messages(service.pointee.n_method, service.pointee.method) { $0 }
    return SchemaService(
      fullName: package + "." + name, name: name, comment: comments[path],
      methods: methods.enumerated().map { index, method in
        SchemaService.Method(
          name: CReading.string(method.pointee.name),
          input: CReading.string(method.pointee.input_type),
          output: CReading.string(method.pointee.output_type),
          isClientStreaming: method.pointee.client_streaming != 0,
          isServerStreaming: method.pointee.server_streaming != 0,
          comment: comments[path + [2, Int32(index)]])
      })
  }

  /// What `read` makes of each descriptor and its path.
  private func each<CMessage, Value>(
    _ count: Int, _ messages: UnsafeMutablePointer<UnsafeMutablePointer<CMessage>?>?,
    _ path: [Int32], _ read: (UnsafePointer<CMessage>, [Int32]) throws(GenerationError) -> Value
  ) throws(GenerationError) -> [Value] {
    var values: [Value] = []
    for (index, message) in CReading.messages(count, messages, { $0 }).enumerated() {
      values.append(try read(message, path + [Int32(index)]))
    }
    return values
  }
}
