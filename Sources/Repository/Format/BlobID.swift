/// Names a blob by its content: SHA-256 of the plain bytes. All zeros stands for a run of zeros, which is never
/// stored.
struct BlobID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Big-endian, so that their order is the order of the bytes.
  let words: (UInt64, UInt64, UInt64, UInt64)

  static let byteCount = 32
  static let zero = BlobID(words: (0, 0, 0, 0))

  var isZero: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

  init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  /// Takes 32 bytes of `span` from `offset` on, which must lie within it.
  init(_ span: RawSpan, at offset: Int = 0) {
    precondition(offset >= 0 && offset + Self.byteCount <= span.byteCount)
    words = (
      UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)),
      UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)),
      UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)),
      UInt64(bigEndian: span.unsafeLoadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
    )
  }

  /// Takes 64 lower-case hexadecimal digits. Nil: not that.
  init?(hexadecimal text: String) {
    guard let bytes = bytes(hexadecimal: text, count: Self.byteCount) else { return nil }
    self.init(bytes.span.bytes)
  }

  var description: String {
    var writer = ByteWriter(capacity: Self.byteCount)
    writer.put(self)
    return hexadecimal(writer.bytes)
  }

  static func == (left: BlobID, right: BlobID) -> Bool {
    left.words.0 == right.words.0 && left.words.1 == right.words.1
      && left.words.2 == right.words.2 && left.words.3 == right.words.3
  }

  static func < (left: BlobID, right: BlobID) -> Bool { left.words < right.words }

  func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
