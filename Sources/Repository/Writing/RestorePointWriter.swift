package import BackupModel
import Synchronization

/// Writes one restore point of one attempt into staging. Nothing of it is visible before it is published.
///
/// Order: ``backUp(_:from:)`` once for each planned disk, one after the other, then ``stage()``, then
/// `Repository.publish`. After an error or a cancel the writer is spent: discard the attempt.
package final class RestorePointWriter: Sendable {
  package let plan: RestorePointPlan

  /// One after the other, left to right; `spent` from each.
  private enum State {
    /// Can move to: reading, staging.
    case idle([DiskID: RestorePoint.Disk])
    /// A call of `backUp` is under way. Can move to: idle.
    case reading([DiskID: RestorePoint.Disk])
    /// Terminal.
    case staged(RestorePointSummary)
    /// Terminal: a call failed, or is under way in `stage`.
    case spent
  }

  private let repository: Repository
  private let generation: UInt32
  private let journal: DeltaJournal
  private let cancellation = Cancellation()
  private let state = Mutex<State>(.idle([:]))
  private let processed = Atomic<UInt64>(0)
  private let read = Atomic<UInt64>(0)
  private let stored = Atomic<UInt64>(0)
  // SAFETY: lane k is touched by thread k of `backUp`, between the start and the join of its threads, and by `stage`;
  // `state` lets only one call of either run at a time.
  nonisolated(unsafe) private let lanes: [WriterLane]

  init(
    _ repository: Repository, _ plan: RestorePointPlan, generation: UInt32
  ) throws(RepositoryError) {
    self.repository = repository
    self.plan = plan
    self.generation = generation
    let journal = try DeltaJournal(repository, plan.attempt, generation: generation)
    self.journal = journal
    lanes = (0..<repository.environment.threads).map { _ in
      WriterLane(repository, plan.attempt, generation: generation, journal: journal)
    }
  }

  /// How much is done. Any thread may ask at any time.
  package var progress: TaskProgress {
    TaskProgress(
      totalBytes: plan.disks.reduce(0) { $0 + $1.size },
      processedBytes: processed.load(ordering: .relaxed),
      readBytes: read.load(ordering: .relaxed), storedBytes: stored.load(ordering: .relaxed))
  }

  /// Asks the calls under way to throw `canceled` soon: after the blob or the source's read under way. Close the
  /// source to end its read.
  package func cancel() { cancellation.cancel() }

  /// Reads a disk and stores what is new. Blocks until all of it is dealt with, on threads of its own.
  ///
  /// Throws `source` with the source's error as cause, `canceled`, `fenced`, `storage`, `invalid`.
  package func backUp(_ disk: DiskID, from source: some DiskSource) throws(RepositoryError) {
    guard let planned = plan.disks.first(where: { $0.id == disk }), planned.size == source.size
    else {
      throw RepositoryError(.invalid, "disk \(disk) of \(source.size) bytes was not planned")
    }
    var disks = try beginReading(disk)
    do throws(RepositoryError) {
      disks[disk] = try store(planned, from: source)
    } catch {
      state.withLock { $0 = .spent }
      throw repository.explain(error, plan.attempt)
    }
    state.withLock { [disks] in $0 = .idle(disks) }
  }

  private func beginReading(
    _ disk: DiskID
  ) throws(RepositoryError) -> [DiskID: RestorePoint.Disk] {
    try state.withLock { state throws(RepositoryError) in
      guard case .idle(let disks) = state, disks[disk] == nil else {
        throw RepositoryError(
          .invalid, "the writer of \(plan.attempt) cannot take disk \(disk) now, or again")
      }
      state = .reading(disks)
      return disks
    }
  }

  private func store(
    _ disk: RestorePointPlan.Disk, from source: some DiskSource
  ) throws(RepositoryError) -> RestorePoint.Disk {
    let count = Format.regionCount(ofSize: disk.size)
    let regions = Mutex([BlobID](repeating: .zero, count: count))
    let next = Atomic<Int>(0)
    let failure = FirstFailure()
    inParallel(min(lanes.count, max(1, count))) { index in
      var buffer = [UInt8](repeating: 0, count: Format.regionBytes)
      while !failure.isSet {
        let region = next.add(1, ordering: .relaxed).oldValue
        guard region < count else { return }
        do throws(RepositoryError) {
          let range = Format.regionRange(region, ofSize: disk.size)
          let id = try self.store(range, from: source, self.lanes[index], &buffer)
          regions.withLock { $0[region] = id }
        } catch {
          failure.record(error)
        }
      }
    }
    try failure.rethrow()
    return try storeDirectories(disk, regions.withLock { $0 })
  }

  /// Reads and stores one region.
  private func store(
    _ range: Range<UInt64>, from source: some DiskSource, _ lane: WriterLane,
    _ buffer: inout [UInt8]
  ) throws(RepositoryError) -> BlobID {
    try cancellation.check()
    defer { processed.add(UInt64(range.count), ordering: .relaxed) }
    guard try fill(&buffer, range, from: source) else { return .zero }
    let id = try lane.store(
      region: buffer.span.bytes.extracting(0..<range.count), check: cancellation.check)
    stored.add(lane.takeStoredBytes(), ordering: .relaxed)
    return id
  }

  /// Puts a region's bytes into the buffer. False: it is all holes, and the buffer is as it was.
  private func fill(
    _ buffer: inout [UInt8], _ range: Range<UInt64>, from source: some DiskSource
  ) throws(RepositoryError) -> Bool {
    do {
      let extents = try joined(source.extents(in: range), covering: range)
      guard extents.contains(where: { !$0.isHole }) else { return false }
      for extent in extents {
        try cancellation.check()
        let start = Int(extent.range.lowerBound - range.lowerBound)
        try buffer.edit(start..<start + extent.range.count) { part in
          if extent.isHole {
            clear(&part)
          } else {
            try source.read(at: extent.range.lowerBound, into: &part)
            read.add(UInt64(extent.range.count), ordering: .relaxed)
          }
        }
      }
      return true
    } catch {
      try cancellation.check()
      throw RepositoryError(.source, "bytes \(range) of a disk cannot be read", cause: error)
    }
  }

  /// The extents with neighbours of one kind made one. Throws if they do not cover the range exactly.
  private func joined(
    _ extents: [SourceExtent], covering range: Range<UInt64>
  ) throws(RepositoryError) -> [SourceExtent] {
    var joined: [SourceExtent] = []
    var position = range.lowerBound
    for extent in extents {
      guard extent.range.lowerBound == position, extent.range.upperBound <= range.upperBound else {
        throw RepositoryError(.source, "the source's extents do not follow each other")
      }
      position = extent.range.upperBound
      if let last = joined.last, last.isHole == extent.isHole {
        joined[joined.count - 1] = SourceExtent(
          range: last.range.lowerBound..<position, isHole: extent.isHole)
      } else {
        joined.append(extent)
      }
    }
    guard position == range.upperBound else {
      throw RepositoryError(.source, "the source's extents end too early")
    }
    return joined
  }

  private func storeDirectories(
    _ disk: RestorePointPlan.Disk, _ regions: [BlobID]
  ) throws(RepositoryError) -> RestorePoint.Disk {
    var directories: [BlobID] = []
    for start in stride(from: 0, to: regions.count, by: Format.regionsPerDirectory) {
      let part = Array(regions[start..<min(start + Format.regionsPerDirectory, regions.count)])
      let isZero = part.allSatisfy(\.isZero)
      directories.append(
        isZero
          ? .zero
          : try lanes[0].store(
            DirectoryPage(regions: part).encoded().span.bytes, .directoryPage))
    }
    stored.add(lanes[0].takeStoredBytes(), ordering: .relaxed)
    return RestorePoint.Disk(
      id: disk.id, size: disk.size, directories: directories,
      root: RestorePoint.Disk.root(size: disk.size, directories: directories))
  }

  /// Makes all durable, with the manifest last, and returns what is to be committed. A second call returns the same.
  ///
  /// Throws `invalid` while a planned disk is missing, `canceled`, `fenced`, `storage`.
  package func stage() throws(RepositoryError) -> RestorePointSummary {
    let disks: [DiskID: RestorePoint.Disk]
    switch try beginStaging() {
    case .done(let summary): return summary
    case .begun(let all): disks = all
    }
    do throws(RepositoryError) {
      let summary = try stage(plan.disks.compactMap { disks[$0.id] })
      state.withLock { $0 = .staged(summary) }
      return summary
    } catch {
      throw repository.explain(error, plan.attempt)
    }
  }

  private enum Staging {
    case done(RestorePointSummary)
    case begun([DiskID: RestorePoint.Disk])
  }

  private func beginStaging() throws(RepositoryError) -> Staging {
    try state.withLock { state throws(RepositoryError) in
      switch state {
      case .staged(let summary): return .done(summary)
      case .idle(let disks) where disks.count == plan.disks.count:
        state = .spent
        return .begun(disks)
      case .idle, .reading, .spent:
        throw RepositoryError(
          .invalid, "the writer of \(plan.attempt) has not taken all disks, or has failed")
      }
    }
  }

  private func stage(_ disks: [RestorePoint.Disk]) throws(RepositoryError) -> RestorePointSummary {
    for lane in lanes {
      try cancellation.check()
      try lane.finishPack()
      stored.add(lane.takeStoredBytes(), ordering: .relaxed)
    }
    try journal.cut()
    try cancellation.check()
    let point = RestorePoint(
      id: RestorePointID(task: plan.attempt.task), attempt: plan.attempt, job: plan.job,
      virtualMachine: plan.virtualMachine, repository: plan.repository,
      sessionStarted: plan.sessionStarted, staged: repository.environment.now(), disks: disks,
      storedBytes: stored.load(ordering: .relaxed), generation: generation)
    let bytes = RestorePointFile.encode(point)
    let session = Layout.session(plan.attempt)
    try repository.makePointsDirectory(of: plan.virtualMachine)
    try repository.fileSystem.writeWhole(bytes, to: "\(session)/\(Layout.manifest)")
    try repository.fileSystem.synchronizeDirectory(session)
    return point.summary(digest: SHA256().digest(bytes.span.bytes))
  }
}
