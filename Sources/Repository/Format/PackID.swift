/// Names a pack: 128 random bits.
struct PackID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Big-endian, so that their order is the order of the bytes.
  let words: (UInt64, UInt64)

  static let byteCount = 16

  init(words: (UInt64, UInt64)) { self.words = words }

  /// Takes 16 bytes of `span` from `offset` on, which must lie within it.
  init(_ span: RawSpan, at offset: Int = 0) {
    precondition(offset >= 0 && offset + Self.byteCount <= span.byteCount)
    words = (
      UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)),
      UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
    )
  }

  /// Takes a pack's file name. Nil: it is not one.
  init?(fileName: String) {
    guard let bytes = bytes(hexadecimal: fileName, count: Self.byteCount) else { return nil }
    self.init(bytes.span.bytes)
  }

  var description: String {
    var writer = ByteWriter(capacity: Self.byteCount)
    writer.put(self)
    return hexadecimal(writer.bytes)
  }

  static func == (left: PackID, right: PackID) -> Bool { left.words == right.words }
  static func < (left: PackID, right: PackID) -> Bool { left.words < right.words }

  func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
  }
}
