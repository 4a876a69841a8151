/// What travels beside a call's messages: names with text or bytes, in order, names repeatable
/// (PROTOCOL-HTTP2, "Custom-Metadata").
public struct Metadata: Sendable, Hashable {
  /// A value: printable ASCII, or bytes under a name that ends in `-bin`.
  public enum Value: Sendable, Hashable {
    /// Printable ASCII.
    case text(String)
    /// Any bytes; base64 on the wire.
    case binary([UInt8])
  }

  /// One name with one value; the name is in lower case.
  public struct Entry: Sendable, Hashable {
    /// In lower case.
    public let name: String
    /// Text, or bytes.
    public let value: Value
  }

  private var entries: [Entry] = []

  /// No entries.
  public init() {}

  /// Appends a text value; blanks at its ends are dropped, as HTTP would.
  ///
  /// - Throws: INTERNAL when the name is not one that metadata may have (`Metadata.isValid(name:)`),
  ///   ends in `-bin`, or the value has anything but printable ASCII.
  public mutating func add(_ name: String, _ value: String) throws(RPCError) {
    let name = try Self.checked(name)
    guard !name.hasSuffix("-bin") else {
      throw RPCError(.internal, "the metadata name '\(name)' is for bytes")
    }
    guard value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
      throw RPCError(.internal, "the metadata '\(name)' is not printable ASCII")
    }
    entries.append(Entry(name: name, value: .text(String(value.trimmingBlanks()))))
  }

  /// Appends bytes.
  ///
  /// - Throws: INTERNAL when the name is not one that metadata may have, or lacks the `-bin`.
  public mutating func addBinary(_ name: String, _ value: [UInt8]) throws(RPCError) {
    let name = try Self.checked(name)
    guard name.hasSuffix("-bin") else {
      throw RPCError(.internal, "the metadata name '\(name)' does not end in '-bin'")
    }
    entries.append(Entry(name: name, value: .binary(value)))
  }

  /// Drops every value of a name.
  public mutating func removeAll(named name: String) {
    let name = name.lowercased()
    entries.removeAll { $0.name == name }
  }

  /// Appends all entries of another, after one's own.
  public mutating func append(contentsOf other: Metadata) {
    entries.append(contentsOf: other.entries)
  }

  /// The first text under a name, in any case; nil when there is none.
  public subscript(_ name: String) -> String? {
    strings(named: name).first
  }

  /// Every text under a name, in order.
  public func strings(named name: String) -> [String] {
    let name = name.lowercased()
    return entries.compactMap { entry in
      if entry.name == name, case .text(let text) = entry.value { text } else { nil }
    }
  }

  /// Every bytes value under a name, in order.
  public func binaries(named name: String) -> [[UInt8]] {
    let name = name.lowercased()
    return entries.compactMap { entry in
      if entry.name == name, case .binary(let bytes) = entry.value { bytes } else { nil }
    }
  }

  /// For entries that are checked already, as those from the wire are.
  mutating func appendUnchecked(_ name: String, _ value: Value) {
    entries.append(Entry(name: name, value: value))
  }
}

extension Metadata: RandomAccessCollection {
  /// Always zero.
  public var startIndex: Int { 0 }
  /// The count of entries.
  public var endIndex: Int { entries.count }
  /// The entry at a position, in the order of sending.
  public subscript(position: Int) -> Entry { entries[position] }
}

extension Metadata {
  /// Whether an application may use a name, in lower case: letters, digits, `_`, `-`, `.`; not
  /// beginning with `grpc-`, and none that belongs to HTTP.
  public static func isValid(name: String) -> Bool {
    hasValidCharacters(name) && !isReserved(name)
  }

  static func hasValidCharacters(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }

  static func isReserved(_ name: String) -> Bool {
    if name.hasPrefix("grpc-") { return true }
    switch name {
    case "te", "content-type", "content-length", "host", "connection", "keep-alive",
      "proxy-connection", "transfer-encoding", "upgrade":
      return true
    default: return false
    }
  }

  private static func checked(_ name: String) throws(RPCError) -> String {
    let name = name.lowercased()
    guard isValid(name: name) else {
      throw RPCError(.internal, "'\(name)' is not a name that metadata may have")
    }
    return name
  }
}

extension String {
  func trimmingBlanks() -> Substring {
    var text = self[...]
    while text.utf8.first == 0x20 || text.utf8.first == 0x09 { text.removeFirst() }
    while text.utf8.last == 0x20 || text.utf8.last == 0x09 { text.removeLast() }
    return text
  }
}
