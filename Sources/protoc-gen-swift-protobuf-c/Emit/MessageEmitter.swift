/// Writes a message's struct, with what is nested in it.
struct MessageEmitter {
  let schema: SchemaMessage
  let types: TypeIndex
  let access: String
  /// Of what has C structs in its signature.
  let codingAccess: String

  /// One property: a field that is in no oneof, or a oneof.
  enum Member {
    case field(FieldCode)
    case oneof(SchemaOneof, [FieldCode])
  }

  /// In the order of their first field.
  var members: [Member] {
    var members: [Member] = []
    var seen: Set<Int> = []
    for field in schema.fields {
      guard let index = field.oneof, schema.oneofs.indices.contains(index) else {
        members.append(.field(FieldCode(field: field, types: types)))
        continue
      }
      guard seen.insert(index).inserted else { continue }
      let fields = schema.fields.filter { $0.oneof == index }
      members.append(
        .oneof(schema.oneofs[index], fields.map { FieldCode(field: $0, types: types) }))
    }
    return members
  }

  func emit(to text: inout SourceText) throws(GenerationError) {
    let declarations = try declarations()
    text.documentation(schema.comment)
    try text.block("\(access) struct \(SwiftNames.type(schema.name)): Sendable, Equatable") {
      text throws(GenerationError) in
      for declaration in declarations {
        text.documentation(declaration.comment)
        text.line(
          "\(declaration.attribute)\(access) var "
            + "\(SwiftNames.escaped(declaration.name)): \(declaration.type)")
      }
      if !declarations.isEmpty { text.line() }
      try emitInitializer(declarations, to: &text)
      for member in members {
        guard case .oneof(let oneof, let fields) = member else { continue }
        text.line()
        try emit(oneof, fields, to: &text)
      }
      for nested in schema.enums {
        text.line()
        try EnumEmitter(schema: nested, access: access).emit(to: &text)
      }
      for nested in schema.messages where !nested.isMapEntry {
        text.line()
        try MessageEmitter(
          schema: nested, types: types, access: access, codingAccess: codingAccess
        ).emit(to: &text)
      }
    }
  }

  private struct Declaration {
    let name: String
    let type: String
    let initial: String
    let attribute: String
    let comment: String
  }

  private func declarations() throws(GenerationError) -> [Declaration] {
    var result: [Declaration] = []
    for member in members {
      switch member {
      case .field(let code):
        let (type, initial) = try code.declaration()
        result.append(
          Declaration(
            name: code.property, type: type, initial: initial,
            attribute: types.isRecursive(code.field, in: schema) ? "@Indirect " : "",
            comment: code.field.comment))
      case .oneof(let oneof, _):
        result.append(
          Declaration(
            name: SwiftNames.property(oneof.name), type: try oneofType(oneof) + "?",
            initial: "nil", attribute: "", comment: oneof.comment))
      }
    }
    for (index, declaration) in result.enumerated()
    where result[..<index].contains(where: { $0.name == declaration.name }) {
      throw GenerationError("\(schema.fullName): two fields would be \(declaration.name) in Swift.")
    }
    return result
  }

  private func emitInitializer(_ declarations: [Declaration], to text: inout SourceText)
    throws(GenerationError)
  {
    guard !declarations.isEmpty else { return text.line("\(access) init() {}") }
    let parameters = declarations.map {
      "\(SwiftNames.escaped($0.name)): \($0.type) = \($0.initial)"
    }
    try text.block("\(access) init(\(parameters.joined(separator: ", ")))") {
      text throws(GenerationError) in
      for declaration in declarations {
        let name = SwiftNames.escaped(declaration.name)
        text.line("self.\(name) = \(name)")
      }
    }
  }

  func oneofType(_ oneof: SchemaOneof) throws(GenerationError) -> String {
    let name = SwiftNames.type(oneof.name)
    guard !(schema.messages.map(\.name) + schema.enums.map(\.name)).contains(name) else {
      throw GenerationError(
        "\(schema.fullName): the oneof \(oneof.name) and a nested type would both be \(name).")
    }
    return try types.swiftType(schema.fullName) + "." + name
  }

  private func emit(_ oneof: SchemaOneof, _ fields: [FieldCode], to text: inout SourceText)
    throws(GenerationError)
  {
    text.documentation(oneof.comment)
    try text.block("\(access) enum \(SwiftNames.type(oneof.name)): Sendable, Equatable") {
      text throws(GenerationError) in
      for code in fields {
        text.documentation(code.field.comment)
        let indirect = types.isRecursive(code.field, in: schema) ? "indirect " : ""
        let name = SwiftNames.escaped(SwiftNames.oneofCase(code.field.name))
        text.line("\(indirect)case \(name)(\(try code.valueType()))")
      }
    }
  }
}
