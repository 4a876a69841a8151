/// Where a blob lies in its pack: 48 bytes in a pack's footer, and 48 in an index.
struct BlobRecord: Hashable, Sendable {
  let id: BlobID
  /// From the start of the pack.
  let offset: UInt32
  let storedLength: UInt32
  let rawLength: UInt32
  let kind: BlobKind
  let encoding: BlobEncoding

  static let byteCount = 48

  var end: UInt64 { UInt64(offset) + UInt64(storedLength) }

  /// The raw length in 24 bits, then the kind in 4, then the encoding in 4.
  var packedLength: UInt32 {
    rawLength | UInt32(kind.rawValue) << 24 | UInt32(encoding.rawValue) << 28
  }

  init(
    id: BlobID, offset: UInt32, storedLength: UInt32, rawLength: UInt32, kind: BlobKind,
    encoding: BlobEncoding
  ) {
    self.id = id
    self.offset = offset
    self.storedLength = storedLength
    self.rawLength = rawLength
    self.kind = kind
    self.encoding = encoding
  }

  /// Takes the fields as they are stored and checks that they can be true.
  init(
    id: BlobID, offset: UInt32, storedLength: UInt32, packedLength: UInt32
  ) throws(FormatError) {
    guard let kind = BlobKind(rawValue: UInt8(packedLength >> 24 & 15)),
      let encoding = BlobEncoding(rawValue: UInt8(packedLength >> 28))
    else { throw FormatError("a record of an unknown kind") }
    let rawLength = packedLength & 0xFF_FFFF
    guard !id.isZero, (1...Format.largestBlob).contains(Int(rawLength)),
      encoding == .raw ? storedLength == rawLength : (1..<rawLength).contains(storedLength)
    else { throw FormatError("a record of impossible lengths") }
    self.init(
      id: id, offset: offset, storedLength: storedLength, rawLength: rawLength, kind: kind,
      encoding: encoding)
  }
}
