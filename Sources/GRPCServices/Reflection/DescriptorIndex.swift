import CProtobufCompiler
import GRPC
import ProtobufC

/// Where each name of a set of proto files, and of those that they import, is declared.
struct DescriptorIndex: Sendable {
  /// An extension: what it extends, and its number.
  struct Extension: Hashable {
    let type: String
    let number: Int32
  }

  private(set) var files: [String: ProtoFile] = [:]
  private var symbols: [String: String] = [:]
  private var messages: Set<String> = []
  private var extensions: [Extension: String] = [:]

  init(_ roots: [ProtoFile]) {
    var open = roots
    while let file = open.popLast() {
      guard files.updateValue(file, forKey: file.name) == nil else { continue }
      open += file.imports
      add(file)
    }
  }

  /// The file that declares a message, enum, enum value, field, oneof, extension, service or method.
  func file(declaring symbol: String) -> ProtoFile? {
    symbols[symbol].flatMap { files[$0] }
  }

  /// The file that declares an extension.
  func file(declaring extension: Extension) -> ProtoFile? {
    extensions[`extension`].flatMap { files[$0] }
  }

  /// The numbers by which a message is extended, ascending; nil: there is no such message.
  func extensionNumbers(of type: String) -> [Int32]? {
    guard messages.contains(type) else { return nil }
    return extensions.keys.filter { $0.type == type }.map(\.number).sorted()
  }

  /// A file, then those that it imports, near ones first, each once.
  func closure(of file: ProtoFile) -> [ProtoFile] {
    var closure: [ProtoFile] = []
    var seen: Set<String> = []
    var open = [file]
    while !open.isEmpty {
      let next = open.removeFirst()
      guard seen.insert(next.name).inserted else { continue }
      closure.append(next)
      open += next.imports
    }
    return closure
  }
}

// MARK: - Reading descriptors

extension DescriptorIndex {
  fileprivate mutating func add(_ file: ProtoFile) {
    // What our generator wrote has a decoding; a file by hand that has none declares nothing.
    let names = try? WireCodec.decode(
      file.descriptor, google__protobuf__file_descriptor_proto__init, DeclaredNames.init)
    guard let names else { return }
    for symbol in names.symbols { symbols[symbol] = file.name }
    messages.formUnion(names.messages)
    for each in names.extensions { extensions[each] = file.name }
  }
}

/// What one file declares, by full names.
private struct DeclaredNames {
  var symbols: [String] = []
  var messages: [String] = []
  var extensions: [DescriptorIndex.Extension] = []

  init(_ file: UnsafePointer<Google__Protobuf__FileDescriptorProto>) {
    let package = CReading.string(file.pointee.package)
    let scope = package.isEmpty ? "" : package + "."
    for message in CReading.messages(file.pointee.n_message_type, file.pointee.message_type, { $0 })
    {
      add(message, in: scope)
    }
    for value in CReading.messages(file.pointee.n_enum_type, file.pointee.enum_type, { $0 }) {
      add(value, in: scope)
    }
    for field in CReading.messages(file.pointee.n_extension, file.pointee.extension, { $0 }) {
      add(extension: field, in: scope)
    }
    for service in CReading.messages(file.pointee.n_service, file.pointee.service, { $0 }) {
      let name = scope + CReading.string(service.pointee.name)
      symbols.append(name)
      for method in CReading.messages(service.pointee.n_method, service.pointee.method, { $0 }) {
        symbols.append(name + "." + CReading.string(method.pointee.name))
      }
    }
  }

  private mutating func add(
    _ message: UnsafePointer<Google__Protobuf__DescriptorProto>, in scope: String
  ) {
    let name = scope + CReading.string(message.pointee.name)
    symbols.append(name)
    messages.append(name)
    let inner = name + "."
    for field in CReading.messages(message.pointee.n_field, message.pointee.field, { $0 }) {
      symbols.append(inner + CReading.string(field.pointee.name))
    }
    for oneof in CReading.messages(message.pointee.n_oneof_decl, message.pointee.oneof_decl, { $0 })
    {
      symbols.append(inner + CReading.string(oneof.pointee.name))
    }
    for field in CReading.messages(message.pointee.n_extension, message.pointee.extension, { $0 }) {
      add(extension: field, in: inner)
    }
    for value in CReading.messages(message.pointee.n_enum_type, message.pointee.enum_type, { $0 }) {
      add(value, in: inner)
    }
    for nested in CReading.messages(
      message.pointee.n_nested_type, message.pointee.nested_type, { $0 })
    {
      add(nested, in: inner)
    }
  }

  /// An enum's values stand beside it, not in it (descriptor.proto).
  private mutating func add(
    _ value: UnsafePointer<Google__Protobuf__EnumDescriptorProto>, in scope: String
  ) {
    symbols.append(scope + CReading.string(value.pointee.name))
    for each in CReading.messages(value.pointee.n_value, value.pointee.value, { $0 }) {
      symbols.append(scope + CReading.string(each.pointee.name))
    }
  }

  private mutating func add(
    extension field: UnsafePointer<Google__Protobuf__FieldDescriptorProto>, in scope: String
  ) {
    symbols.append(scope + CReading.string(field.pointee.name))
    let type = CReading.string(field.pointee.extendee)
    extensions.append(
      DescriptorIndex.Extension(
        type: type.hasPrefix(".") ? String(type.dropFirst()) : type, number: field.pointee.number))
  }
}
