extension MessageEmitter {
  /// Writes how the message, and what is nested in it, becomes bytes and is made of bytes.
  func emitCoding(to text: inout SourceText) throws(GenerationError) {
    let type = try types.swiftType(schema.fullName)
    try text.block("extension \(type): WireMessage, ProtoJSONMessage") {
      text throws(GenerationError) in
      text.line("\(access) static var messageName: String { \"\(schema.fullName.dropFirst())\" }")
      text.line()
      try text.block("\(access) init(wireBytes: [UInt8]) throws") { text throws(GenerationError) in
        text.line(
          "self = try WireCodec.decode(wireBytes, \(CNames.initializer(schema.fullName)), "
            + "\(type).init(decoding:))")
      }
      text.line()
      try text.block("\(access) func wireBytes() throws -> [UInt8]") {
        text throws(GenerationError) in
        text.line(
          "try WireCodec.encode { arena throws(ProtobufError) in try encoded(in: arena) }")
      }
      text.line()
      try text.block("\(access) func jsonText() throws -> String") { text throws(GenerationError) in
        let entries = types.mapEntries(within: schema).map { "\"\($0.dropFirst())\"" }
        let parameter = entries.isEmpty ? "" : "(mapEntries: [\(entries.joined(separator: ", "))])"
        text.line(
          "try WireCodec.json\(parameter) { arena throws(ProtobufError) in try encoded(in: arena) }"
        )
      }
      text.line()
      try emitDecoding(to: &text)
      text.line()
      try emitEncoding(to: &text)
    }
    for nested in schema.messages where !nested.isMapEntry {
      text.line()
      try MessageEmitter(
        schema: nested, types: types, access: access, codingAccess: codingAccess
      ).emitCoding(to: &text)
    }
  }

  private var prefix: String { codingAccess == "internal" ? "" : codingAccess + " " }

  private func emitDecoding(to text: inout SourceText) throws(GenerationError) {
    let pointer = "UnsafePointer<\(CNames.type(schema.fullName))>"
    try text.block(prefix + "init(decoding c: \(pointer))") { text throws(GenerationError) in
      text.line("self.init()")
      for member in members {
        switch member {
        case .field(let code):
          text.line(
            "self.\(SwiftNames.escaped(code.property)) = \(try code.decodedField())")
        case .oneof(let oneof, let fields): try emitDecoding(oneof, fields, to: &text)
        }
      }
    }
  }

  private func emitDecoding(
    _ oneof: SchemaOneof, _ fields: [FieldCode], to text: inout SourceText
  ) throws(GenerationError) {
    let type = try oneofType(oneof)
    let property = "self.\(SwiftNames.escaped(SwiftNames.property(oneof.name)))"
    text.line("switch c.pointee.\(CNames.oneofCase(oneof.name)).rawValue {")
    for code in fields {
      let name = SwiftNames.escaped(SwiftNames.oneofCase(code.field.name))
      let value = try code.decoded(code.member)
      let made =
        code.field.kind == .message ? "\(value).map(\(type).\(name))" : ".\(name)(\(value))"
      text.line("case \(code.field.number): \(property) = \(made)")
    }
    text.line("default: break")
    text.line("}")
  }

  private func emitEncoding(to text: inout SourceText) throws(GenerationError) {
    let pointer = "UnsafeMutablePointer<\(CNames.type(schema.fullName))>"
    try text.block(
      prefix + "func encoded(in arena: MessageArena) throws(ProtobufError) -> \(pointer)"
    ) {
      text throws(GenerationError) in
      text.line("let c = arena.make(\(CNames.initializer(schema.fullName)))")
      for member in members {
        switch member {
        case .field(let code): try code.emitEncoding(to: &text)
        case .oneof(let oneof, let fields): emitEncoding(oneof, fields, to: &text)
        }
      }
      text.line("return c")
    }
  }

  private func emitEncoding(
    _ oneof: SchemaOneof, _ fields: [FieldCode], to text: inout SourceText
  ) {
    text.line("switch self.\(SwiftNames.escaped(SwiftNames.property(oneof.name))) {")
    for code in fields {
      let name = SwiftNames.escaped(SwiftNames.oneofCase(code.field.name))
      text.line("case .\(name)(let value)?:")
      text.line("  \(code.member) = \(code.encoded("value"))")
      text.line(
        "  c.pointee.\(CNames.oneofCase(oneof.name)) = .init(rawValue: \(code.field.number))")
    }
    text.line("case nil: break")
    text.line("}")
  }
}
