/// Names a blob by its content: SHA-256 of the plain bytes. All zeros stands for a run of zeros, which is never
/// stored.
struct BlobID: Hashable, Sendable, Comparable {
  /// Big-endian, so that their order is the order of the bytes.
  var words: (UInt64, UInt64, UInt64, UInt64)

  static let byteCount = 32
  static let zero = BlobID(words: (0, 0, 0, 0))

  var isZero: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

  init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  /// Takes 32 bytes of `span` from `offset` on, which must lie within it.
  init(_ span: borrowing RawSpan, at offset: Int = 0) {
    func word(_ index: Int) -> UInt64 {
      UInt64(
        bigEndian: span.unsafeLoadUnaligned(
          fromByteOffset: offset + index * 8, as: UInt64.self))
    }
    precondition(offset >= 0 && offset + Self.byteCount <= span.byteCount)
    words = (word(0), word(1), word(2), word(3))
  }

  static func == (left: BlobID, right: BlobID) -> Bool {
    left.words.0 == right.words.0 && left.words.1 == right.words.1
      && left.words.2 == right.words.2 && left.words.3 == right.words.3
  }

  static func < (left: BlobID, right: BlobID) -> Bool { left.words < right.words }

  func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  var bytes: [UInt8] {
    [words.0, words.1, words.2, words.3].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
    }
  }
}
