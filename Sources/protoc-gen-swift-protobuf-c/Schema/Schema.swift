/// A proto file as the generator sees it. Full names begin with a dot, as protoc writes them.
struct SchemaFile {
  var name: String
  var package: String
  /// The files that it imports.
  var dependencies: [String]
  var messages: [SchemaMessage]
  var enums: [SchemaEnum]
  var services: [SchemaService]
}

struct SchemaMessage {
  var fullName: String
  var name: String
  var comment: String
  var fields: [SchemaField]
  var oneofs: [SchemaOneof]
  var messages: [SchemaMessage]
  var enums: [SchemaEnum]
  /// Whether protoc made it up for a map field.
  var isMapEntry: Bool
}

struct SchemaField {
  /// The numbers of `FieldDescriptorProto.Type`.
  enum Kind: UInt32 {
    case double = 1
    case float, int64, uint64, int32, fixed64, fixed32, bool, string, group, message, bytes
    case uint32, `enum`, sfixed32, sfixed64, sint32, sint64
  }

  var name: String
  var number: Int32
  var kind: Kind
  /// Of a message or an enum: its full name.
  var typeName: String
  var isRepeated: Bool
  /// Which of its message's oneofs it belongs to.
  var oneof: Int?
  var comment: String
}

struct SchemaOneof {
  var name: String
  var comment: String
}

struct SchemaEnum {
  struct Value {
    var name: String
    var number: Int32
    var comment: String
  }

  var fullName: String
  var name: String
  var comment: String
  var values: [Value]
}

struct SchemaService {
  struct Method {
    var name: String
    var input: String
    var output: String
    var isClientStreaming: Bool
    var isServerStreaming: Bool
    var comment: String
  }

  var fullName: String
  var name: String
  var comment: String
  var methods: [Method]
}
