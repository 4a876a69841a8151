internal import BackupModel

/// The first 64 bytes of an index.
///
/// After it: the pack table (32 bytes a pack) · records (48 bytes, sorted by id: id, number of the pack, offset, stored
/// length, packed length) · fan-out (for each leading value of the id, how many records are not above it) ·
/// SHA-256 of all before.
struct IndexHeader: Hashable, Sendable {
  let generation: UInt32
  let session: SessionTag
  let time: Timestamp
  let packCount: UInt32
  let recordCount: UInt32
  /// How many leading bits of an id the fan-out tells apart: 16 in a base, fewer in a small delta.
  let fanOutBits: UInt32

  static let byteCount = 64
  static let packEntryBytes = 32
  static let largestFanOutBits: UInt32 = 16

  /// About one entry for eight records.
  static func fanOutBits(recordCount: Int) -> UInt32 {
    var bits: UInt32 = 0
    while bits < largestFanOutBits, recordCount >> (bits + 3) > 0 { bits += 1 }
    return bits
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Self.byteCount)
    writer.put("BELAYIX1")
    writer.put(Format.version)
    writer.put(Format.hash)
    writer.put(Format.cipher)
    writer.put(generation)
    writer.put(session.id)
    writer.put(time.nanosecondsSinceEpoch)
    writer.put(packCount)
    writer.put(recordCount)
    writer.put(fanOutBits)
    writer.putZeros(8)
    writer.put(CRC32C.of(writer.bytes.span.bytes))
    return writer.bytes
  }

  init(
    generation: UInt32, session: SessionTag, time: Timestamp, packCount: UInt32,
    recordCount: UInt32, fanOutBits: UInt32
  ) {
    self.generation = generation
    self.session = session
    self.time = time
    self.packCount = packCount
    self.recordCount = recordCount
    self.fanOutBits = fanOutBits
  }

  init(_ bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    try reader.expect("BELAYIX1")
    try reader.expectFormat()
    generation = try reader.integer()
    session = SessionTag(id: try reader.packID())
    time = Timestamp(nanosecondsSinceEpoch: try reader.integer())
    packCount = try reader.integer()
    recordCount = try reader.integer()
    fanOutBits = try reader.integer()
    try reader.expectZeros(8)
    try reader.expectChecksum(of: bytes)
    guard fanOutBits <= Self.largestFanOutBits else {
      throw FormatError("a fan-out of \(fanOutBits) bits")
    }
  }
}

/// A pack with all that its footer says: what an index is made of.
struct FinishedPack: Sendable {
  let id: PackID
  /// Of the whole file.
  let length: UInt64
  let records: [BlobRecord]
}

/// Puts an index together.
func encodeIndex(
  of packs: [FinishedPack], generation: UInt32, session: SessionTag, time: Timestamp
) -> [UInt8] {
  let packs = packs.sorted { $0.id < $1.id }
  var records: [(number: UInt32, blob: BlobRecord)] = []
  records.reserveCapacity(packs.reduce(0) { $0 + $1.records.count })
  for (number, pack) in packs.enumerated() {
    for record in pack.records { records.append((UInt32(number), record)) }
  }
  records.sort { ($0.blob.id, $0.number) < ($1.blob.id, $1.number) }
  let bits = IndexHeader.fanOutBits(recordCount: records.count)

  var writer = ByteWriter(capacity: 128 + packs.count * 32 + records.count * 48 + 4 << bits)
  writer.put(
    IndexHeader(
      generation: generation, session: session, time: time, packCount: UInt32(packs.count),
      recordCount: UInt32(records.count), fanOutBits: bits
    ).encoded())
  for pack in packs {
    writer.put(pack.id)
    writer.put(pack.length)
    writer.put(UInt32(pack.records.count))
    writer.putZeros(4)
  }
  var fanOut = [UInt32](repeating: 0, count: 1 << bits)
  for (number, blob) in records {
    writer.put(blob.id)
    writer.put(number)
    writer.put(blob.offset)
    writer.put(blob.storedLength)
    writer.put(blob.packedLength)
    fanOut[fanOutSlot(of: blob.id, bits: bits)] += 1
  }
  var sum: UInt32 = 0
  for count in fanOut {
    sum += count
    writer.put(sum)
  }
  writer.put(SHA256().digest(writer.bytes.span.bytes))
  return writer.bytes
}

/// Which entry of a fan-out an id counts in: its leading bits.
func fanOutSlot(of id: BlobID, bits: UInt32) -> Int {
  bits == 0 ? 0 : Int(id.words.0 >> (64 - UInt64(bits)))
}
