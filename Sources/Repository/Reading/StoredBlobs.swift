import Synchronization

/// All blobs of a repository as they were when this was made; shared by the threads of a reader.
final class StoredBlobs: Sendable {
  private struct State {
    var packs: [PackID: OpenFile] = [:]
    /// The index of the packs that no usable index names; made when a blob is first missed.
    var recovered: IndexFile?
    var hasRecovered = false
  }

  private let repository: Repository
  private let snapshot: BlobIndex.Snapshot
  private let state = Mutex(State())

  /// So many packs are kept open.
  private static let openPacks = 128

  init(_ repository: Repository) throws(RepositoryError) {
    self.repository = repository
    snapshot = try repository.index.snapshot()
  }

  /// Where the blob is told to lie. Throws `damaged` if nowhere.
  ///
  /// An index that is torn or gone costs time, not data: packs that no index names are asked themselves.
  func locations(of id: BlobID) throws(RepositoryError) -> [BlobLocation] {
    let locations = snapshot.locations(of: id)
    if !locations.isEmpty { return locations }
    if let location = try recovered()?.location(of: id) { return [location] }
    throw RepositoryError(.damaged, "blob \(id) is in no pack")
  }

  private func recovered() throws(RepositoryError) -> IndexFile? {
    try state.withLock { state throws(RepositoryError) in
      if !state.hasRecovered {
        state.recovered = try recover()
        state.hasRecovered = true
      }
      return state.recovered
    }
  }

  private func recover() throws(RepositoryError) -> IndexFile? {
    let named = Set(snapshot.files.flatMap(\.packs).map(\.id))
    var packs: [FinishedPack] = []
    for id in try repository.packIDs() where !named.contains(id) {
      do throws(RepositoryError) {
        packs.append(try PackContents(id, repository.fileSystem.open(Layout.pack(id))).finished)
      } catch {
        guard error.code == .damaged || error.code == .notFound else { throw error }
      }
    }
    guard !packs.isEmpty else { return nil }
    let bytes = encodeIndex(
      of: packs, generation: 0, session: SessionTag(id: PackID(words: (0, 0))),
      time: repository.environment.now())
    return try IndexFile(name: "(recovered)", bytes: bytes)
  }

  /// Opens a pack, or gives the one that is open. Throws `damaged` if it is missing.
  func open(_ id: PackID) throws(RepositoryError) -> OpenFile {
    if let file = state.withLock({ $0.packs[id] }) { return file }
    let file: OpenFile
    do throws(RepositoryError) {
      file = try repository.fileSystem.open(Layout.pack(id))
    } catch {
      guard error.code == .notFound else { throw error }
      throw RepositoryError(.damaged, "\(Layout.pack(id)) is missing")
    }
    state.withLock { state in
      if state.packs.count >= Self.openPacks { state.packs = [:] }
      state.packs[id] = file
    }
    return file
  }
}

extension Repository {
  /// The packs that are there. Other names are passed over.
  func packIDs() throws(RepositoryError) -> [PackID] {
    var ids: [PackID] = []
    for directory in Layout.packDirectories {
      do throws(RepositoryError) {
        ids += try fileSystem.list(directory).compactMap { PackID(fileName: $0) }
      } catch {
        guard error.code == .notFound else { throw error }
      }
    }
    return ids
  }
}
