import Synchronization

extension Repository {
  /// Checks the whole repository and returns what is damaged, by file and by the ranges of disks that suffer.
  /// Empty: all is whole.
  ///
  /// Blocks; backups and restores may go on. Throws when it cannot look, never for damage. `cancellation` ends it
  /// within a pack's 4 MiB or a page.
  package func verify(
    _ level: VerificationLevel, cancellation: Cancellation = Cancellation()
  ) throws(RepositoryError) -> [Damage] {
    // In this order a restore point that is published meanwhile finds its index, and an index its packs.
    let points = try restorePoints()
    let indexes = try index.snapshot()
    var damages = indexes.damaged.sorted { $0.key < $1.key }
      .map { Damage(.file("\(Layout.index)/\($0.key)"), $0.value.message) }
    for case .damaged(let point) in points {
      damages.append(Damage(.file(point.path), point.reason))
    }
    let (damagedFiles, suspects) = try checkPacks(indexes, level, cancellation)
    damages += damagedFiles
    guard !damages.isEmpty || level >= .trees else { return [] }
    let blobs = try StoredBlobs(self)
    for case .whole(let point, _) in points {
      for disk in point.disks {
        let disk = StoredDisk(disk, of: point, blobs, threads: environment.threads)
        damages += try disk.damages(suspects, cancellation)
      }
    }
    return damages
  }

  /// Checks every pack on several threads. Returns the damaged files, and the blobs that may have no good copy.
  private func checkPacks(
    _ indexes: BlobIndex.Snapshot, _ level: VerificationLevel, _ cancellation: Cancellation
  ) throws(RepositoryError) -> ([Damage], Set<BlobID>) {
    let ids = try Set(packIDs() + indexes.files.flatMap(\.packs).map(\.id)).sorted()
    let found = Mutex<(damages: [PackID: String], suspects: Set<BlobID>)>(([:], []))
    let next = Atomic<Int>(0)
    let failure = FirstFailure()
    inParallel(min(environment.threads, max(1, ids.count))) { _ in
      let check = PackCheck(self, indexes, level, cancellation)
      while !failure.isSet {
        let number = next.add(1, ordering: .relaxed).oldValue
        guard number < ids.count else { return }
        do throws(RepositoryError) {
          guard let reason = try check.check(ids[number]) else { continue }
          found.withLock { found in
            found.damages[ids[number]] = reason
            found.suspects.formUnion(check.suspects)
          }
        } catch {
          failure.record(error)
        }
      }
    }
    try failure.rethrow()
    return found.withLock { found in
      let damages = found.damages.sorted { $0.key < $1.key }
      return (damages.map { Damage(.file(Layout.pack($0.key)), $0.value) }, found.suspects)
    }
  }
}
