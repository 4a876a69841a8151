internal import BackupModel
internal import BelayAPI
internal import GRPC

/// Reads single fields of a peer's message. Every refusal is INVALID_ARGUMENT and names the field.
enum Wire {
  static func invalid(_ field: String, _ problem: String) -> RPCError {
    RPCError(.invalidArgument, "\(field): \(problem)")
  }

  static func missing(_ field: String) -> RPCError { invalid(field, "is missing, or unknown here") }

  static func required<Value>(_ value: Value?, at field: String) throws(RPCError) -> Value {
    guard let value else { throw missing(field) }
    return value
  }

  static func identifier<ID: Identifier>(_ text: String, at field: String) throws(RPCError) -> ID {
    guard let id = ID(validating: text) else {
      throw invalid(field, "'\(text.prefix(200))' is not \(ID.grammar)")
    }
    return id
  }

  static func name(_ text: String, at field: String) throws(RPCError) -> String {
    guard !text.isEmpty else { throw missing(field) }
    return text
  }

  static func path(_ text: String, at field: String) throws(RPCError) -> String {
    guard text.hasPrefix("/"), !text.utf8.contains(0) else {
      throw invalid(field, "is not an absolute path")
    }
    return text
  }

  /// Counts from 1.
  static func positive(_ number: some FixedWidthInteger, at field: String) throws(RPCError) -> Int {
    guard number >= 1, let value = Int(exactly: number) else {
      throw invalid(field, "\(number) is not at least 1")
    }
    return value
  }

  static func duration(_ value: GoogleProtobuf.Duration?, at field: String) throws(RPCError)
    -> Duration
  {
    guard let duration = value?.duration, duration > .zero else {
      throw invalid(field, "is not a positive duration")
    }
    return duration
  }

  static func timestamp(_ value: GoogleProtobuf.Timestamp?, at field: String) throws(RPCError)
    -> Timestamp
  {
    guard let nanoseconds = value?.nanosecondsSinceEpoch else {
      throw invalid(field, "is not a time between 1677 and 2262")
    }
    return Timestamp(nanosecondsSinceEpoch: nanoseconds)
  }

  static func each<Value, Element>(
    _ values: [Value], at field: String, _ read: (Value, String) throws(RPCError) -> Element
  ) throws(RPCError) -> [Element] {
    var elements: [Element] = []
    elements.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      elements.append(try read(value, "\(field)[\(index)]"))
    }
    return elements
  }

  /// Text for people, as a message can carry it: without U+0000, and of bounded length.
  static func text(_ text: String) -> String {
    guard text.utf8.count > maxTextLength || text.utf8.contains(0) else { return text }
    return String(text.prefix(maxTextLength / 4).filter { $0 != "\0" })
  }

  private static let maxTextLength = 16_384
}
