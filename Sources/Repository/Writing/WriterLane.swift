internal import BackupModel

/// What one thread of a writer works with: its hash, its compressor and its own pack. Not for two threads at once.
final class WriterLane {
  private let repository: Repository
  private let attempt: AttemptID
  private let generation: UInt32
  private let journal: DeltaJournal
  private let hash = SHA256()
  private let compressor: Compressor
  private var pack: PackWriter?
  private var spareBuffer: [UInt8] = []
  /// Bytes of packs, with all that belongs to them, since it was last taken.
  private var stored: UInt64 = 0

  init(
    _ repository: Repository, _ attempt: AttemptID, generation: UInt32, journal: DeltaJournal
  ) {
    self.repository = repository
    self.attempt = attempt
    self.generation = generation
    self.journal = journal
    compressor = Compressor(level: repository.configuration.compressionLevel)
  }

  /// Stores what is new of a region and returns its page's id; zero: the region holds only zeros. `check` is asked
  /// before each chunk.
  func store(
    region: RawSpan, check: () throws(RepositoryError) -> Void
  ) throws(RepositoryError) -> BlobID {
    let chunker = repository.configuration.chunker
    var chunks: [ChunkReference] = []
    var start = 0
    while start < region.byteCount {
      try check()
      let (end, isZero) = chunker.chunk(in: region, from: start)
      let id = isZero ? .zero : try store(region.extracting(start..<end), .data)
      chunks.append(ChunkReference(id: id, length: end - start))
      start = end
    }
    guard chunks.contains(where: { !$0.id.isZero }) else { return .zero }
    return try store(RegionPage(chunks: chunks).encoded().span.bytes, .regionPage)
  }

  /// Stores a blob unless it is known; returns its id.
  func store(_ blob: RawSpan, _ kind: BlobKind) throws(RepositoryError) -> BlobID {
    let id = hash.digest(blob)
    guard journal.claim(id) else { return id }
    if pack == nil { pack = try openPack() }
    stored += UInt64(try pack?.append(blob, id, kind, compressor) ?? 0)
    if let pack, pack.isFull { try finishPack() }
    return id
  }

  private func openPack() throws(RepositoryError) -> PackWriter {
    let header = PackHeader(
      id: repository.environment.newID(), session: SessionTag(attempt),
      time: repository.environment.now(), generation: generation)
    defer { spareBuffer = [] }
    return try PackWriter(
      header: header, in: Layout.session(attempt), repository.fileSystem, buffer: spareBuffer)
  }

  /// Ends the pack that is being filled, if there is one.
  func finishPack() throws(RepositoryError) {
    guard var last = pack.take() else { return }
    let before = last.length
    let (finished, buffer) = try last.finish()
    stored += finished.length - before + UInt64(PackHeader.byteCount)
    spareBuffer = buffer
    try journal.add(finished)
  }

  /// The bytes added to packs since the last call.
  func takeStoredBytes() -> UInt64 {
    defer { stored = 0 }
    return stored
  }
}
