/// Checks packs, one after the other: what one thread of a verification works with.
final class PackCheck {
  private let repository: Repository
  private let indexes: BlobIndex.Snapshot
  private let level: VerificationLevel
  private let cancellation: Cancellation
  private let hash = SHA256()
  private let decompressor = Decompressor()
  private var stored = [UInt8](repeating: 0, count: Format.largestBlob)
  private var raw = [UInt8](repeating: 0, count: Format.largestBlob)
  /// The blobs that the last damaged pack does not give, or may not.
  private(set) var suspects: [BlobID] = []

  init(
    _ repository: Repository, _ indexes: BlobIndex.Snapshot, _ level: VerificationLevel,
    _ cancellation: Cancellation
  ) {
    self.repository = repository
    self.indexes = indexes
    self.level = level
    self.cancellation = cancellation
  }

  /// Nil: the pack is whole, and the indexes say of it what it says itself. Else why not.
  func check(_ id: PackID) throws(RepositoryError) -> String? {
    suspects = []
    do throws(RepositoryError) {
      let file = try repository.fileSystem.open(Layout.pack(id))
      return try check(PackContents(id, file), file)
    } catch {
      switch error.code {
      case .damaged: return error.message
      case .notFound where isNamed(id): return "it is missing"
      // One that no index names may go at any time: its writer was discarded.
      case .notFound: return nil
      default: throw error
      }
    }
  }

  private func isNamed(_ id: PackID) -> Bool {
    indexes.files.contains { $0.packs.contains { $0.id == id } }
  }

  private func check(
    _ contents: PackContents, _ file: OpenFile
  ) throws(RepositoryError) -> String? {
    if let reason = disagreement(contents) { return reason }
    for record in contents.records {
      try cancellation.check()
      if try !isWhole(record, file) { suspects.append(record.blob.id) }
    }
    return suspects.isEmpty ? nil : "\(suspects.count) of its blobs are not what was written"
  }

  /// Why an index and the pack's footer differ.
  private func disagreement(_ contents: PackContents) -> String? {
    for index in indexes.files {
      guard let pack = index.packs.first(where: { $0.id == contents.header.id }) else { continue }
      let agrees =
        pack.length == contents.length && pack.count == contents.records.count
        && contents.records.allSatisfy {
          guard let location = index.location(of: $0.blob.id) else { return false }
          return location.pack != pack.id || location.record == $0.blob
        }
      guard agrees else { return "index \(index.name) says otherwise of it" }
    }
    return nil
  }

  private func isWhole(_ record: FooterRecord, _ file: OpenFile) throws(RepositoryError) -> Bool {
    try stored.edit(0..<Int(record.blob.storedLength)) { part throws(RepositoryError) in
      try file.read(at: UInt64(record.blob.offset), into: &part)
      guard CRC32C.of(part.bytes) == record.checksum else { return false }
      return level < .contents || hasItsHash(record.blob, part.bytes)
    }
  }

  private func hasItsHash(_ blob: BlobRecord, _ stored: RawSpan) -> Bool {
    guard blob.encoding == .zstd else { return hash.digest(stored) == blob.id }
    return raw.edit(0..<Int(blob.rawLength)) { target in
      do throws(FormatError) {
        try decompressor.decompress(stored, into: &target)
        return hash.digest(target.bytes) == blob.id
      } catch { return false }
    }
  }
}
