/// Where in a distributed trace a call stands (W3C Trace Context): its `traceparent` and `tracestate`,
/// read strictly and sent on as they came.
public struct TraceContext: Sendable, Hashable {
  /// Version, trace id, parent id and flags, such as
  /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
  public let parent: String
  /// What tracing systems add, newest first; nil where there is none, or it is malformed.
  public let state: String?

  /// 32 hexadecimal digits.
  public var traceID: Substring { parent.dropFirst(3).prefix(32) }
  /// 16 hexadecimal digits.
  public var parentID: Substring { parent.dropFirst(36).prefix(16) }
  /// Whether whoever called may have recorded the trace.
  public var isSampled: Bool {
    (UInt8(parent.dropFirst(53).prefix(2), radix: 16) ?? 0) & 1 == 1
  }

  /// The context that metadata carry; nil where there is none, or its `traceparent` is malformed or
  /// comes twice: then the trace begins anew (§3.2.2).
  public init?(_ metadata: Metadata) {
    let parents = metadata.strings(named: "traceparent")
    guard parents.count == 1, Self.isParent(parents[0]) else { return nil }
    parent = parents[0]
    // A list that comes in parts is one list (RFC 9110 §5.3).
    let state = metadata.strings(named: "tracestate").joined(separator: ",")
    self.state = Self.isState(state) ? state : nil
  }

  /// Puts the context into metadata, in place of what is there.
  public func inject(into metadata: inout Metadata) {
    metadata.removeAll(named: "traceparent")
    metadata.removeAll(named: "tracestate")
    do throws(RPCError) {
      try metadata.add("traceparent", parent)
      if let state { try metadata.add("tracestate", state) }
    } catch {
      // Only printable ASCII was let in.
    }
  }

  /// §3.2: two digits of version, of which `ff` is forbidden; a trace id and a parent id that are not
  /// zero; flags. A later version may go on after another dash.
  private static func isParent(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
      [0..<2, 3..<35, 36..<52, 53..<55].allSatisfy({ bytes[$0].allSatisfy(isLowerHexadecimal) })
    else { return false }
    let isZero = { (range: Range<Int>) in bytes[range].allSatisfy { $0 == UInt8(ascii: "0") } }
    guard !text.hasPrefix("ff"), !isZero(3..<35), !isZero(36..<52) else { return false }
    return bytes.count == 55 || (!text.hasPrefix("00") && bytes[55] == UInt8(ascii: "-"))
  }

  private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  /// §3.3: up to 32 members `key=value`, no key twice. At most 512 bytes are sent on, which is the
  /// least that one must (§3.3.1.5).
  private static func isState(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 512 else { return false }
    var keys: Set<Substring> = []
    let members = text.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.description.trimmingBlanks() }.filter { !$0.isEmpty }
    guard !members.isEmpty, members.count <= 32 else { return false }
    return members.allSatisfy { member in
      guard let equals = member.firstIndex(of: "=") else { return false }
      let key = member[..<equals]
      return isKey(key) && isValue(member[member.index(after: equals)...])
        && keys.insert(key).inserted
    }
  }

  /// `key`, or `tenant@system`.
  private static func isKey(_ key: Substring) -> Bool {
    let parts = key.split(separator: "@", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), key.utf8.count <= 256 else { return false }
    return parts.allSatisfy { part in
      guard let first = part.utf8.first else { return false }
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
      let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
      guard isLetter || (isDigit && parts.count == 2 && part.startIndex == key.startIndex) else {
        return false
      }
      return part.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"):
          true
        default: false
        }
      }
    }
  }

  private static func isValue(_ value: Substring) -> Bool {
    (1...256).contains(value.utf8.count)
      && value.utf8.allSatisfy {
        (0x20...0x7e).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=")
      }
  }
}
