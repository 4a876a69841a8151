/// Fills one pack under its temporary name in the session's directory: header, blobs, then footer and trailer.
struct PackWriter {
  let id: PackID
  private let fileSystem: any FileSystem
  private let file: OpenFile
  private let header: [UInt8]
  /// What is not written yet, of which the first `filled` bytes count.
  private var buffer: [UInt8]
  private var filled = 0
  private var written: UInt64 = 0
  private var records: [FooterRecord] = []

  /// How many bytes are written at once.
  private static let writeBytes = 4 << 20

  /// Makes the file. `buffer`: memory of an earlier writer to be used again, or none.
  init(
    header: PackHeader, in session: String, _ fileSystem: any FileSystem, buffer: [UInt8]
  ) throws(RepositoryError) {
    id = header.id
    self.fileSystem = fileSystem
    self.header = header.encoded()
    self.buffer = buffer
    let capacity = Self.writeBytes + Format.largestBlob
    if self.buffer.count < capacity { self.buffer = [UInt8](repeating: 0, count: capacity) }
    file = try fileSystem.create("\(session)/\(header.id)\(Layout.stagedPackSuffix)")
    let bytes = self.header
    append(bytes.span.bytes)
  }

  /// Of all that it holds so far.
  var length: UInt64 { written + UInt64(filled) }

  var isFull: Bool { length >= UInt64(Format.packBytes) }

  /// Adds a blob, compressed if that makes it smaller. Returns how many bytes it takes.
  mutating func append(
    _ blob: RawSpan, _ id: BlobID, _ kind: BlobKind, _ compressor: Compressor
  ) throws(RepositoryError) -> Int {
    let offset = UInt32(length)
    let compressed = compress(blob, compressor)
    if let compressed { filled += compressed } else { append(blob) }
    let stored = compressed ?? blob.byteCount
    let checksum = CRC32C.of(buffer.span.bytes.extracting(filled - stored..<filled))
    records.append(
      FooterRecord(
        blob: BlobRecord(
          id: id, offset: offset, storedLength: UInt32(stored), rawLength: UInt32(blob.byteCount),
          kind: kind, encoding: compressed == nil ? .raw : .zstd),
        checksum: checksum))
    if filled >= Self.writeBytes { try flush() }
    return stored
  }

  private mutating func compress(_ blob: RawSpan, _ compressor: Compressor) -> Int? {
    buffer.edit(filled..<filled + blob.byteCount - 1) { compressor.compress(blob, into: &$0) }
  }

  private mutating func append(_ bytes: RawSpan) {
    buffer.edit(filled..<filled + bytes.byteCount) { copy(bytes, to: &$0) }
    filled += bytes.byteCount
  }

  private mutating func flush() throws(RepositoryError) {
    try fileSystem.write(buffer.span.bytes.extracting(0..<filled), to: file, at: written)
    written += UInt64(filled)
    filled = 0
  }

  /// Ends the pack and makes it durable, still under its temporary name. Returns the memory for the next one.
  mutating func finish() throws(RepositoryError) -> (FinishedPack, buffer: [UInt8]) {
    try flush()
    var footer = ByteWriter(capacity: records.count * BlobRecord.byteCount + PackTrailer.byteCount)
    for record in records { record.encode(to: &footer) }
    let hash = SHA256()
    hash.update(header.span.bytes)
    hash.update(footer.bytes.span.bytes)
    footer.put(
      PackTrailer(footerOffset: written, count: UInt32(records.count), digest: hash.finish())
        .encoded())
    try fileSystem.write(footer.bytes.span.bytes, to: file, at: written)
    try fileSystem.synchronize(file)
    let pack = FinishedPack(
      id: id, length: written + UInt64(footer.bytes.count), records: records.map(\.blob))
    return (pack, buffer)
  }
}
