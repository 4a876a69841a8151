/// JSON of which each value has exactly one text: no space, keys sorted by their bytes, whole numbers below 2^63,
/// the shortest escapes. So a text can be hashed, and what is not canonical was not written here.
indirect enum CanonicalJSON: Hashable, Sendable {
  case null
  case number(UInt64)
  case string(String)
  case array([CanonicalJSON])
  case object([String: CanonicalJSON])

  /// A file nests no deeper.
  static let deepest = 8

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    encode(to: &bytes)
    return bytes
  }

  private func encode(to bytes: inout [UInt8]) {
    switch self {
    case .null: bytes += Array("null".utf8)
    case .number(let number): bytes += Array(String(number).utf8)
    case .string(let text): Self.encode(text, to: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        element.encode(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      for (index, (key, value)) in sorted.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.encode(key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        value.encode(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func encode(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0..<32: bytes += Array("\\u00".utf8) + Array(hexadecimal([byte]).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Takes canonical text, and nothing else.
  init(_ bytes: [UInt8]) throws(FormatError) {
    var parser = Parser(bytes: bytes)
    self = try parser.value(depth: 0)
    // Whatever the parser lets through beyond canonical text ends here.
    guard parser.isAtEnd, encoded() == bytes else {
      throw FormatError("its JSON is not in canonical form")
    }
  }
}

private struct Parser {
  let bytes: [UInt8]
  var offset = 0

  var isAtEnd: Bool { offset == bytes.count }

  private var failure: FormatError { FormatError("its JSON is malformed at byte \(offset)") }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  mutating func value(depth: Int) throws(FormatError) -> CanonicalJSON {
    guard depth <= CanonicalJSON.deepest, offset < bytes.count else { throw failure }
    switch bytes[offset] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "n"):
      offset += 4
      guard offset <= bytes.count else { throw failure }
      return .null
    default: return .number(try number())
    }
  }

  private mutating func number() throws(FormatError) -> UInt64 {
    let digits = bytes[offset...].prefix(20).prefix {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
    }
    guard let number = UInt64(String(decoding: digits, as: UTF8.self)), number < 1 << 63 else {
      throw failure
    }
    offset += digits.count
    return number
  }

  private mutating func string() throws(FormatError) -> String {
    guard skip("\"") else { throw failure }
    var text: [UInt8] = []
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else { throw failure }
        return string
      case UInt8(ascii: "\\"): text.append(try escape())
      default: text.append(byte)
      }
    }
    throw failure
  }

  private mutating func escape() throws(FormatError) -> UInt8 {
    guard offset < bytes.count else { throw failure }
    let byte = bytes[offset]
    offset += 1
    guard byte == UInt8(ascii: "u") else { return byte }
    guard bytes.count - offset >= 4,
      let code = UInt8(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw failure }
    offset += 4
    return code
  }

  private mutating func array(depth: Int) throws(FormatError) -> CanonicalJSON {
    guard skip("[") else { throw failure }
    var elements: [CanonicalJSON] = []
    if skip("]") { return .array(elements) }
    repeat { elements.append(try value(depth: depth + 1)) } while skip(",")
    guard skip("]") else { throw failure }
    return .array(elements)
  }

  private mutating func object(depth: Int) throws(FormatError) -> CanonicalJSON {
    guard skip("{") else { throw failure }
    var members: [String: CanonicalJSON] = [:]
    if skip("}") { return .object(members) }
    repeat {
      let key = try string()
      guard skip(":") else { throw failure }
      members[key] = try value(depth: depth + 1)
    } while skip(",")
    guard skip("}") else { throw failure }
    return .object(members)
  }
}
