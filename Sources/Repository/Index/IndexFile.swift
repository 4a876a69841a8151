/// Where a blob lies.
struct BlobLocation: Hashable, Sendable {
  let pack: PackID
  let record: BlobRecord
}

/// One index, open for looking up. All of it was checked when it was opened, so that no lookup can fail.
final class IndexFile: Sendable {
  struct Pack: Hashable, Sendable {
    let id: PackID
    let length: UInt64
    let count: Int
  }

  private enum Storage: Sendable {
    case mapped(MappedFile)
    case array([UInt8])
  }

  let name: String
  let header: IndexHeader
  /// Sorted by id.
  let packs: [Pack]
  private let storage: Storage
  private let recordsStart: Int
  private let fanOutStart: Int

  /// Opens the index in `file`. Throws `damaged`.
  convenience init(name: String, _ file: OpenFile) throws(RepositoryError) {
    try self.init(name: name, storage: .mapped(MappedFile(file)))
  }

  /// Opens an index that is no file: one made again from packs.
  convenience init(name: String, bytes: [UInt8]) throws(RepositoryError) {
    try self.init(name: name, storage: .array(bytes))
  }

  private init(name: String, storage: Storage) throws(RepositoryError) {
    self.name = name
    self.storage = storage
    do throws(FormatError) {
      (header, packs) = try Self.withBytes(storage) { span throws(FormatError) in
        try Self.check(span)
      }
    } catch {
      throw RepositoryError(.damaged, "\(Layout.index)/\(name): \(error)")
    }
    recordsStart = IndexHeader.byteCount + packs.count * IndexHeader.packEntryBytes
    fanOutStart = recordsStart + Int(header.recordCount) * BlobRecord.byteCount
  }

  private static func withBytes<Result, Failure: Error>(
    _ storage: Storage, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch storage {
    case .mapped(let file): try file.withBytes(body)
    case .array(let bytes): try body(bytes.span.bytes)
    }
  }

  /// The place of a blob. Nil: not in this index.
  func location(of id: BlobID) -> BlobLocation? {
    Self.withBytes(storage) { span in
      let slot = fanOutSlot(of: id, bits: header.fanOutBits)
      var low = slot == 0 ? 0 : Self.integer(span, fanOutStart + (slot - 1) * 4)
      var high = Self.integer(span, fanOutStart + slot * 4)
      while low < high {
        let middle = (low + high) / 2
        let found = BlobID(span, at: recordsStart + middle * BlobRecord.byteCount)
        if found == id { return location(span, middle) }
        if found < id { low = middle + 1 } else { high = middle }
      }
      return nil
    }
  }

  private func location(_ span: RawSpan, _ index: Int) -> BlobLocation? {
    guard
      let (number, record) = try? Self.record(
        span, at: recordsStart + index * BlobRecord.byteCount)
    else { return nil }
    return BlobLocation(pack: packs[number].id, record: record)
  }

  private static func integer(_ span: RawSpan, _ offset: Int) -> Int {
    Int(UInt32(littleEndian: span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
  }

  private static func record(
    _ span: RawSpan, at offset: Int
  ) throws(FormatError) -> (pack: Int, BlobRecord) {
    let record = try BlobRecord(
      id: BlobID(span, at: offset), offset: UInt32(integer(span, offset + 36)),
      storedLength: UInt32(integer(span, offset + 40)),
      packedLength: UInt32(integer(span, offset + 44)))
    return (integer(span, offset + 32), record)
  }

  /// Checks all that lookups rely on.
  private static func check(_ span: RawSpan) throws(FormatError) -> (IndexHeader, [Pack]) {
    guard span.byteCount >= IndexHeader.byteCount else { throw FormatError("it is torn") }
    let header = try IndexHeader(array(span, 0, IndexHeader.byteCount))
    let fanOutCount = 1 << Int(header.fanOutBits)
    let recordsStart = IndexHeader.byteCount + Int(header.packCount) * IndexHeader.packEntryBytes
    let fanOutStart = recordsStart + Int(header.recordCount) * BlobRecord.byteCount
    let digestStart = fanOutStart + fanOutCount * 4
    guard span.byteCount == digestStart + BlobID.byteCount else {
      throw FormatError("its length is not what its header says")
    }
    guard BlobID(span, at: digestStart) == SHA256().digest(span.extracting(0..<digestStart)) else {
      throw FormatError("its digest is wrong")
    }
    let packs = try packTable(span, count: Int(header.packCount))
    let sums = try recordSums(span, header, recordsStart, packs)
    for slot in 0..<fanOutCount where integer(span, fanOutStart + slot * 4) != sums[slot] {
      throw FormatError("its fan-out is wrong")
    }
    return (header, packs)
  }

  private static func array(_ span: RawSpan, _ offset: Int, _ count: Int) -> [UInt8] {
    span.extracting(offset..<offset + count).withUnsafeBytes { Array($0) }
  }

  private static func packTable(_ span: RawSpan, count: Int) throws(FormatError) -> [Pack] {
    let bytes = array(span, IndexHeader.byteCount, count * IndexHeader.packEntryBytes)
    var reader = ByteReader(bytes)
    var packs: [Pack] = []
    packs.reserveCapacity(count)
    for _ in 0..<count {
      let id = try reader.packID()
      let length = try reader.integer(UInt64.self)
      packs.append(Pack(id: id, length: length, count: Int(try reader.integer(UInt32.self))))
      try reader.expectZeros(4)
      guard packs.count < 2 || packs[packs.count - 2].id < id else {
        throw FormatError("its packs are not in order")
      }
      guard length <= UInt64(Format.largestPack) else { throw FormatError("a pack is too large") }
    }
    return packs
  }

  /// Checks order and place of each record, and returns what the fan-out must be.
  private static func recordSums(
    _ span: RawSpan, _ header: IndexHeader, _ start: Int, _ packs: [Pack]
  ) throws(FormatError) -> [Int] {
    var sums = [Int](repeating: 0, count: 1 << Int(header.fanOutBits))
    var counts = [Int](repeating: 0, count: packs.count)
    var previous = BlobID.zero
    for index in 0..<Int(header.recordCount) {
      let (number, record) = try record(span, at: start + index * BlobRecord.byteCount)
      guard !(record.id < previous) else { throw FormatError("its records are not in order") }
      guard number < packs.count, record.end <= packs[number].length else {
        throw FormatError("a record points outside of its pack")
      }
      previous = record.id
      counts[number] += 1
      sums[fanOutSlot(of: record.id, bits: header.fanOutBits)] += 1
    }
    guard zip(packs, counts).allSatisfy({ $0.count == $1 }) else {
      throw FormatError("a pack's records are not as many as they should be")
    }
    var sum = 0
    for slot in sums.indices {
      sum += sums[slot]
      sums[slot] = sum
    }
    return sums
  }
}
