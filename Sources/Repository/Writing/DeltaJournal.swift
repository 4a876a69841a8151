internal import BackupModel
import Synchronization

/// What a writer's threads share: which blobs are stored already, and the packs that wait for their index.
///
/// Finished packs stay in the session's directory until an index delta that names them is durable there as well; only
/// then are they moved to `packs/`, and the delta to `index/`. So whatever a crash leaves outside of the session's
/// directory without an index is named by a delta inside it, and is found without a search (`Repository.discard`).
final class DeltaJournal: Sendable {
  private struct State {
    var known: KnownBlobs
    /// Stored, or being stored by some thread, and not in a published index yet.
    var pending: Set<BlobID> = []
    var finished: [FinishedPack] = []
    var finishedBytes: UInt64 = 0
    var lastCut: ContinuousClock.Instant
    var isCutting = false
    var sequence = 0
  }

  private let repository: Repository
  private let attempt: AttemptID
  private let generation: UInt32
  private let state: Mutex<State>

  init(
    _ repository: Repository, _ attempt: AttemptID, generation: UInt32
  ) throws(RepositoryError) {
    self.repository = repository
    self.attempt = attempt
    self.generation = generation
    let known = try KnownBlobs(repository.index.snapshot(), repository.fileSystem)
    state = Mutex(State(known: known, lastCut: .now))
  }

  /// Whether the caller must store the blob: no index names it, and nobody else of this writer stores it.
  func claim(_ id: BlobID) -> Bool {
    state.withLock { state in
      guard !state.pending.contains(id), !state.known.contains(id) else { return false }
      state.pending.insert(id)
      return true
    }
  }

  /// Takes a finished, durable pack over, and publishes an index when one is due.
  func add(_ pack: FinishedPack) throws(RepositoryError) {
    let isDue = state.withLock { state in
      state.finished.append(pack)
      state.finishedBytes += pack.length
      return !state.isCutting
        && (state.finishedBytes >= Format.deltaBytes
          || state.lastCut.duration(to: .now) >= Format.deltaInterval)
    }
    if isDue { try cut() }
  }

  /// Publishes the finished packs with an index of theirs. At the end, no thread may be adding any more.
  func cut() throws(RepositoryError) {
    let taken: (packs: [FinishedPack], sequence: Int)? = state.withLock { state in
      state.lastCut = .now
      guard !state.isCutting, !state.finished.isEmpty else { return nil }
      state.isCutting = true
      state.sequence += 1
      defer {
        state.finished = []
        state.finishedBytes = 0
      }
      return (state.finished, state.sequence)
    }
    guard let taken else { return }
    let index = try publish(taken.packs, sequence: taken.sequence)
    state.withLock { state in
      state.known.add(index)
      for pack in taken.packs {
        for record in pack.records { state.pending.remove(record.id) }
      }
      state.isCutting = false
    }
  }

  private func publish(
    _ packs: [FinishedPack], sequence: Int
  ) throws(RepositoryError) -> IndexFile {
    let files = repository.fileSystem
    let session = Layout.session(attempt)
    let staged = "\(session)/\(Layout.stagedDeltaPrefix)\(sequence)"
    let bytes = encodeIndex(
      of: packs, generation: generation, session: SessionTag(attempt),
      time: repository.environment.now())
    try files.writeWhole(bytes, to: staged)
    try files.synchronizeDirectory(session)
    for pack in packs {
      try files.move("\(session)/\(pack.id)\(Layout.stagedPackSuffix)", to: Layout.pack(pack.id))
    }
    for directory in Set(packs.map { Layout.packDirectory($0.id) }).sorted() {
      try files.synchronizeDirectory(directory)
    }
    let delta = Layout.delta(generation, attempt, sequence)
    try files.move(staged, to: delta)
    try files.synchronizeDirectory(Layout.index)
    return try repository.index.open(String(delta.dropFirst(Layout.index.count + 1)))
  }
}
