#if canImport(Glibc)
  import Glibc
#endif

/// Bytes of a header field, compared without making a string of them.
extension Span<UInt8> {
  /// Whether both hold the same bytes.
  func holdsSameBytes(as other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    return withUnsafeBytes { own in
      other.withUnsafeBytes { other in
        guard let first = own.baseAddress, let second = other.baseAddress else { return true }
        return memcmp(first, second, own.count) == 0
      }
    }
  }

  /// Whether these are the literal's bytes.
  func equals(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    return begins(with: literal)
  }

  /// Whether the literal's bytes come first.
  func begins(with literal: StaticString) -> Bool {
    let length = literal.utf8CodeUnitCount
    guard count >= length else { return false }
    return withUnsafeBytes { own in
      guard let first = own.baseAddress else { return true }
      return memcmp(first, literal.utf8Start, length) == 0
    }
  }

  /// The number that one to nine ASCII digits make; nil for anything else.
  var decimal: Int? {
    guard (1...9).contains(count) else { return nil }
    var number = 0
    for index in indices {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self[index]) else { return nil }
      number = number * 10 + Int(self[index] - UInt8(ascii: "0"))
    }
    return number
  }

  /// As text; bytes that are not UTF-8 become U+FFFD, which no field of gRPC's grammar lets through.
  var text: String {
    withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}
