/// What one field is in Swift, and how its values cross to C and back.
struct FieldCode {
  let field: SchemaField
  let types: TypeIndex

  /// The C member, seen from a pointer `c` to the struct.
  var member: String { "c.pointee." + SwiftNames.escapedMember(CNames.member(field.name)) }
  /// The member that counts a repeated field's values.
  var count: String { "c.pointee." + CNames.count(field.name) }
  var property: String { SwiftNames.property(field.name) }

  /// The type of one value.
  func valueType() throws(GenerationError) -> String {
    switch field.kind {
    case .double: "Double"
    case .float: "Float"
    case .int32, .sint32, .sfixed32: "Int32"
    case .int64, .sint64, .sfixed64: "Int64"
    case .uint32, .fixed32: "UInt32"
    case .uint64, .fixed64: "UInt64"
    case .bool: "Bool"
    case .string: "String"
    case .bytes: "[UInt8]"
    case .enum, .message: try types.swiftType(field.typeName)
    case .group: throw GenerationError("\(field.name): groups are not supported.")
    }
  }

  /// The type of the whole field, and what it is if it is not set.
  func declaration() throws(GenerationError) -> (type: String, initial: String) {
    if let entry = types.mapEntry(field) {
      let (key, value) = try Self.mapFields(entry, types)
      return ("[\(try key.valueType()): \(try value.valueType())]", "[:]")
    }
    let type = try valueType()
    if field.isRepeated { return ("[\(type)]", "[]") }
    switch field.kind {
    case .message: return (type + "?", "nil")
    case .enum: return (type, "\(type)(rawValue: 0)")
    case .bool: return (type, "false")
    case .string: return (type, "\"\"")
    case .bytes: return (type, "[]")
    default: return (type, "0")
    }
  }

  static func mapFields(_ entry: SchemaMessage, _ types: TypeIndex) throws(GenerationError)
    -> (key: FieldCode, value: FieldCode)
  {
    guard entry.fields.count == 2 else {
      throw GenerationError("\(entry.fullName) is no map entry.")
    }
    return (
      FieldCode(field: entry.fields[0], types: types),
      FieldCode(field: entry.fields[1], types: types)
    )
  }
}

// MARK: - From C

extension FieldCode {
  /// The Swift value of one C value; a message's may be nil.
  func decoded(_ value: String) throws(GenerationError) -> String {
    switch field.kind {
    case .bool: "\(value) != 0"
    case .string: "CReading.string(\(value))"
    case .bytes: "CReading.bytes(\(value))"
    case .enum:
      "\(try valueType())(rawValue: Int32(truncatingIfNeeded: \(value).rawValue))"
    case .message: "CReading.message(\(value), \(try valueType()).init(decoding:))"
    default: value
    }
  }

  /// The Swift value of the whole field.
  func decodedField() throws(GenerationError) -> String {
    if let entry = types.mapEntry(field) {
      let (key, value) = try Self.mapFields(entry, types)
      var read = try value.decoded(value.member)
      if value.field.kind == .message { read += " ?? \(try value.valueType())()" }
      return "CReading.map(\(count), \(member)) { c in (\(try key.decoded(key.member)), \(read)) }"
    }
    guard field.isRepeated else { return try decoded(member) }
    switch field.kind {
    case .string: return "CReading.strings(\(count), \(member))"
    case .message:
      return "CReading.messages(\(count), \(member), \(try valueType()).init(decoding:))"
    case .bool, .bytes, .enum:
      return "CReading.array(\(count), \(member)) { \(try decoded("$0")) }"
    default: return "CReading.scalars(\(count), \(member))"
    }
  }
}

// MARK: - To C

extension FieldCode {
  /// The C value of one Swift value.
  func encoded(_ value: String) -> String {
    switch field.kind {
    case .bool: "\(value) ? 1 : 0"
    case .string: "try arena.string(\(value))"
    case .bytes: "arena.bytes(\(value))"
    case .enum: ".init(rawValue: .init(truncatingIfNeeded: \(value).rawValue))"
    case .message: "try \(value).encoded(in: arena)"
    default: value
    }
  }

  /// Writes the statements that put the whole field, not one of a oneof, into the C struct.
  func emitEncoding(to text: inout SourceText) throws(GenerationError) {
    let value = "self.\(SwiftNames.escaped(property))"
    if let entry = types.mapEntry(field) {
      try emitMapEncoding(entry, value, to: &text)
    } else if field.isRepeated {
      text.line("\(count) = \(value).count")
      switch field.kind {
      case .string, .message, .bool, .bytes, .enum:
        text.line(
          "\(member) = try arena.array(\(value)) { value throws(ProtobufError) in "
            + "\(encoded("value")) }")
      default: text.line("\(member) = arena.scalars(\(value))")
      }
    } else if field.kind == .message {
      try text.block("if let value = \(value)") { text throws(GenerationError) in
        text.line("\(member) = \(encoded("value"))")
      }
    } else {
      text.line("\(member) = \(encoded(value))")
    }
  }

  private func emitMapEncoding(
    _ entry: SchemaMessage, _ map: String, to text: inout SourceText
  ) throws(GenerationError) {
    let (key, value) = try Self.mapFields(entry, types)
    let pair = "(pair: (\(try key.valueType()), \(try value.valueType())))"
    let result = "UnsafeMutablePointer<\(CNames.type(entry.fullName))>?"
    text.line("\(count) = \(map).count")
    try text.block("\(member) = try arena.array(MapOrder.sorted(\(map)))") {
      text throws(GenerationError) in
      text.line("\(pair) throws(ProtobufError) -> \(result) in")
      text.line("let c = arena.make(\(CNames.initializer(entry.fullName)))")
      text.line("\(key.member) = \(key.encoded("pair.0"))")
      text.line("\(value.member) = \(value.encoded("pair.1"))")
      text.line("return c")
    }
  }
}
