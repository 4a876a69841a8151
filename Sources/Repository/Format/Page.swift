/// A chunk of a region as its page names it; the zero id is a run of zeros.
struct ChunkReference: Hashable, Sendable {
  let id: BlobID
  let length: Int
}

/// What a region of a disk consists of: `BRG1`, count, then (id, length) for each chunk, in order.
struct RegionPage: Sendable {
  let chunks: [ChunkReference]

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 8 + chunks.count * 36)
    writer.put("BRG1")
    writer.put(UInt32(chunks.count))
    for chunk in chunks {
      writer.put(chunk.id)
      writer.put(UInt32(chunk.length))
    }
    return writer.bytes
  }

  init(chunks: [ChunkReference]) { self.chunks = chunks }

  /// Takes a page of a region of `length` bytes.
  init(_ bytes: [UInt8], regionLength: Int) throws(FormatError) {
    var reader = ByteReader(bytes)
    try reader.expect("BRG1")
    let count = try reader.integer(UInt32.self)
    guard Int(count) * 36 == reader.remaining else {
      throw FormatError("the page's length does not fit its count")
    }
    var chunks: [ChunkReference] = []
    chunks.reserveCapacity(Int(count))
    var total = 0
    for _ in 0..<count {
      let id = try reader.blobID()
      let length = Int(try reader.integer(UInt32.self))
      guard length > 0, id.isZero || length <= Format.largestBlob, length <= regionLength - total
      else { throw FormatError("a chunk of \(length) bytes at byte \(total) of its region") }
      total += length
      chunks.append(ChunkReference(id: id, length: length))
    }
    guard total == regionLength else {
      throw FormatError("the page is of \(total) bytes, its region of \(regionLength)")
    }
    self.chunks = chunks
  }
}

/// The pages of up to 1,024 regions: `BDR1`, count, then an id for each region, in order; the zero id is a region of
/// zeros.
struct DirectoryPage: Sendable {
  let regions: [BlobID]

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 8 + regions.count * BlobID.byteCount)
    writer.put("BDR1")
    writer.put(UInt32(regions.count))
    for region in regions { writer.put(region) }
    return writer.bytes
  }

  init(regions: [BlobID]) { self.regions = regions }

  /// Takes the page of a directory of `count` regions.
  init(_ bytes: [UInt8], count: Int) throws(FormatError) {
    var reader = ByteReader(bytes)
    try reader.expect("BDR1")
    let stored = try reader.integer(UInt32.self)
    guard Int(stored) == count, reader.remaining == count * BlobID.byteCount else {
      throw FormatError("the page names \(stored) regions instead of \(count)")
    }
    var regions: [BlobID] = []
    regions.reserveCapacity(count)
    for _ in 0..<count { regions.append(try reader.blobID()) }
    self.regions = regions
  }
}
