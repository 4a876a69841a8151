/// Writes an enum that keeps the numbers it does not know.
struct EnumEmitter {
  let schema: SchemaEnum
  let access: String

  private struct Case {
    let name: String
    let number: Int32
    let comment: String
  }

  /// The first value of each number is a case; further ones are its aliases.
  private func split() throws(GenerationError) -> (cases: [Case], aliases: [Case]) {
    var cases: [Case] = []
    var aliases: [Case] = []
    for value in schema.values {
      let named = Case(
        name: SwiftNames.enumCase(value.name, of: schema.name), number: value.number,
        comment: value.comment)
      if let other = (cases + aliases).first(where: { $0.name == named.name }) {
        throw GenerationError(
          "\(schema.fullName): two values would be .\(other.name) in Swift.")
      }
      if cases.contains(where: { $0.number == named.number }) {
        aliases.append(named)
      } else {
        cases.append(named)
      }
    }
    return (cases, aliases)
  }

  func emit(to text: inout SourceText) throws(GenerationError) {
    let (cases, aliases) = try split()
    let name = SwiftNames.type(schema.name)
    text.documentation(schema.comment)
    try text.block("\(access) enum \(name): RawRepresentable, Hashable, Sendable, CaseIterable") {
      text throws(GenerationError) in
      for value in cases {
        text.documentation(value.comment)
        text.line("case \(SwiftNames.escaped(value.name))")
      }
      text.line("/// A number that this version does not know.")
      text.line("case unrecognized(Int32)")
      for alias in aliases {
        guard let original = cases.first(where: { $0.number == alias.number }) else { continue }
        text.line()
        text.documentation(alias.comment)
        text.line(
          "\(access) static let \(SwiftNames.escaped(alias.name)) = Self.\(original.name)")
      }
      text.line()
      try emitNumbers(cases, to: &text)
    }
  }

  private func emitNumbers(_ cases: [Case], to text: inout SourceText) throws(GenerationError) {
    try text.block("\(access) init(rawValue: Int32)") { text throws(GenerationError) in
      text.line("switch rawValue {")
      for value in cases { text.line("case \(value.number): self = .\(value.name)") }
      text.line("default: self = .unrecognized(rawValue)")
      text.line("}")
    }
    text.line()
    try text.block("\(access) var rawValue: Int32") { text throws(GenerationError) in
      text.line("switch self {")
      for value in cases { text.line("case .\(value.name): \(value.number)") }
      text.line("case .unrecognized(let number): number")
      text.line("}")
    }
    text.line()
    text.line("/// The values that this version knows.")
    let all = cases.map { "." + $0.name }.joined(separator: ", ")
    text.line("\(access) static let allCases: [Self] = [\(all)]")
    text.line()
    try text.block("\(access) static func == (left: Self, right: Self) -> Bool") {
      text throws(GenerationError) in
      text.line("left.rawValue == right.rawValue")
    }
    text.line()
    try text.block("\(access) func hash(into hasher: inout Hasher)") {
      text throws(GenerationError) in
      text.line("hasher.combine(rawValue)")
    }
  }
}
