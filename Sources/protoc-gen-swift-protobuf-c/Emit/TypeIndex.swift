/// Every type of the files that code is made of, by its full proto name.
struct TypeIndex {
  private var swiftTypes: [String: String] = [:]
  private var messages: [String: SchemaMessage] = [:]

  init(_ files: [SchemaFile]) throws(GenerationError) {
    for file in files {
      let namespace = SwiftNames.namespace(package: file.package)
      for message in file.messages { try add(message, in: namespace) }
      for value in file.enums { try add(value.fullName, value.name, in: namespace) }
    }
  }

  private mutating func add(_ message: SchemaMessage, in scope: String) throws(GenerationError) {
    messages[message.fullName] = message
    let type = try add(message.fullName, message.name, in: scope)
    for nested in message.messages { try add(nested, in: type) }
    for nested in message.enums { try add(nested.fullName, nested.name, in: type) }
  }

  @discardableResult
  private mutating func add(_ fullName: String, _ name: String, in scope: String)
    throws(GenerationError) -> String
  {
    let type = scope + "." + SwiftNames.type(name)
    if let other = swiftTypes.first(where: { $0.value == type })?.key {
      throw GenerationError("\(fullName) and \(other) would both be \(type) in Swift.")
    }
    swiftTypes[fullName] = type
    return type
  }

  /// The Swift name, with its namespace.
  func swiftType(_ fullName: String) throws(GenerationError) -> String {
    guard let type = swiftTypes[fullName] else {
      throw GenerationError("\(fullName) is used, and its file is not among those to generate.")
    }
    return type
  }

  /// The entry message of a map field. Nil: not a map.
  func mapEntry(_ field: SchemaField) -> SchemaMessage? {
    guard field.kind == .message, let message = messages[field.typeName], message.isMapEntry else {
      return nil
    }
    return message
  }

  /// The full names of all map entries' messages that a message may hold, at any depth; in order.
  func mapEntries(within message: SchemaMessage) -> [String] {
    var entries: Set<String> = []
    var seen: Set<String> = []
    var open = [message.fullName]
    while let name = open.popLast() {
      guard seen.insert(name).inserted, let next = messages[name] else { continue }
      if next.isMapEntry { entries.insert(name) }
      open += next.fields.filter { $0.kind == .message }.map(\.typeName)
    }
    return entries.sorted()
  }

  /// Whether a singular field's message may hold, by singular fields, the message that the field is in.
  func isRecursive(_ field: SchemaField, in message: SchemaMessage) -> Bool {
    guard field.kind == .message, !field.isRepeated else { return false }
    var seen: Set<String> = []
    var open = [field.typeName]
    while let name = open.popLast() {
      if name == message.fullName { return true }
      guard seen.insert(name).inserted, let next = messages[name] else { continue }
      open += next.fields.filter { $0.kind == .message && !$0.isRepeated }.map(\.typeName)
    }
    return false
  }
}
