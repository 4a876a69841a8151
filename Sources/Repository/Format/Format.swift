/// The numbers of format 1 (repository.md).
enum Format {
  static let version: UInt16 = 1
  /// The hash's id in headers: SHA-256.
  static let hash: UInt8 = 1
  /// The cipher's id in headers: none.
  static let cipher: UInt8 = 0

  /// A disk is cut into regions, which stand alone.
  static let regionBytes = 4 << 20
  /// Chunks end at multiples of it.
  static let blockBytes = 4 << 10
  /// No blob is longer, neither a chunk nor a page.
  static let largestBlob = 256 << 10
  /// How many regions a directory page names: 4 GiB.
  static let regionsPerDirectory = 1024
  /// A pack ends with the blob that reaches it.
  static let packBytes = 64 << 20
  /// No pack is longer: offsets in records have 32 bits, and a footer of small blobs needs its place.
  static let largestPack = 1 << 30
  /// How many bytes of finished packs wait at most for an index.
  static let deltaBytes: UInt64 = 1 << 30
  /// How long they wait at most.
  static let deltaInterval: Duration = .seconds(60)
  /// A disk is not larger: what its directory ids and offsets are good for.
  static let largestDisk: UInt64 = 1 << 50

  static func regionCount(ofSize size: UInt64) -> Int {
    Int((size + UInt64(regionBytes) - 1) / UInt64(regionBytes))
  }

  static func regionRange(_ region: Int, ofSize size: UInt64) -> Range<UInt64> {
    let start = UInt64(region) * UInt64(regionBytes)
    return start..<min(start + UInt64(regionBytes), size)
  }
}

/// What a blob is. With how it is stored, it makes the top byte of a record's raw length.
enum BlobKind: UInt8, Sendable {
  case data = 1
  case regionPage = 2
  case directoryPage = 3
}

/// How a blob is stored.
enum BlobEncoding: UInt8, Sendable {
  case raw = 0
  case zstd = 1
}
