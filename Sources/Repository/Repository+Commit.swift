package import BackupModel

// A commit is one rename of `sessions/<attempt>/m`; a fence renames the directory, and then `m` itself. The first keeps
// every later call out, since all name the directory by its path. The second decides against a call that had walked the
// path before: the kernel looks the parent up first and renames then, even if the parent was renamed in between. Both
// contend for the one name `m` in the one directory, so that exactly one of them has it. What a discard deletes is
// contended for in the same way: first the name that a call under way would need, then what that call would have made.

extension Repository {
  /// Begins a restore point: makes the attempt's staging directory and returns its writer.
  ///
  /// Throws `alreadyExists` if that attempt was begun before, by whomever, `fenced` if it was fenced, `conflict` if
  /// the restore point is visible already.
  package func beginRestorePoint(
    _ plan: RestorePointPlan
  ) throws(RepositoryError) -> RestorePointWriter {
    try check(plan)
    let session = Layout.session(plan.attempt)
    try refuseFenced(plan.attempt)
    do throws(RepositoryError) { try fileSystem.makeDirectory(session) } catch {
      guard error.code == .alreadyExists else { throw error }
      throw RepositoryError(.alreadyExists, "attempt \(plan.attempt) was begun before")
    }
    do throws(RepositoryError) {
      // Again, now that a fence would find the directory: it makes its marker first and renames then.
      try refuseFenced(plan.attempt)
    } catch {
      try? fileSystem.removeDirectory(session)
      throw error
    }
    let generation = try readGeneration()
    let info = CanonicalJSON.object([
      "attempt": .string(plan.attempt.description),
      "generation": .number(UInt64(generation)),
      "kind": .string("writer"),
      "started": .number(UInt64(clamping: environment.now().nanosecondsSinceEpoch)),
      "virtualMachine": .string(plan.virtualMachine.rawValue),
    ])
    try fileSystem.writeWhole(info.encoded(), to: "\(session)/\(Layout.info)")
    try fileSystem.synchronizeDirectory(session)
    try fileSystem.synchronizeDirectory(Layout.sessions)
    // A collector bumps the generation, then asks who is registered: whoever read the old one is.
    guard try readGeneration() == generation else {
      throw RepositoryError(.storage, "a collection began at the same moment; try again")
    }
    return try RestorePointWriter(self, plan, generation: generation)
  }

  private func check(_ plan: RestorePointPlan) throws(RepositoryError) {
    guard Set(plan.disks.map(\.id)).count == plan.disks.count else {
      throw RepositoryError(.invalid, "two disks of \(plan.virtualMachine) have the same name")
    }
    guard plan.disks.allSatisfy({ $0.size <= Format.largestDisk }) else {
      throw RepositoryError(.invalid, "a disk of \(plan.virtualMachine) is larger than 1 PiB")
    }
    let id = RestorePointID(task: plan.attempt.task)
    if let path = try publishedPath(of: id, plan.virtualMachine) {
      throw RepositoryError(.conflict, "restore point \(id) is there already: \(path)")
    }
  }

  private func refuseFenced(_ attempt: AttemptID) throws(RepositoryError) {
    guard try fileSystem.directoryExists(Layout.fence(attempt)) else { return }
    throw fenced(attempt)
  }

  private func fenced(_ attempt: AttemptID) -> RepositoryError {
    RepositoryError(.fenced, "attempt \(attempt) was fenced: it can neither write nor publish")
  }

  private func readGeneration() throws(RepositoryError) -> UInt32 {
    let bytes = try fileSystem.readWhole(Layout.generation, limit: 64)
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasSuffix("\n"), let generation = UInt32(text.dropLast()) else {
      throw RepositoryError(.damaged, "\(Layout.generation): it is no number")
    }
    return generation
  }

  /// Says `fenced` where an operation failed only because the session's directory was taken away.
  func explain(_ error: RepositoryError, _ attempt: AttemptID) -> RepositoryError {
    guard error.code == .notFound else { return error }
    do throws(RepositoryError) {
      try refuseFenced(attempt)
      return error
    } catch {
      return error
    }
  }

  /// Makes the directory of a VM's restore points, durably.
  func makePointsDirectory(of machine: VirtualMachineID) throws(RepositoryError) {
    try fileSystem.ensureDirectory(Layout.points(of: machine))
    try fileSystem.synchronizeDirectory(Layout.points)
  }

  /// Where the restore point is visible. Nil: it is not.
  private func publishedPath(
    of id: RestorePointID, _ machine: VirtualMachineID
  ) throws(RepositoryError) -> String? {
    try pointNames(of: machine).first { Layout.pointID(inName: $0) == id }
      .map { Layout.point(of: machine, named: $0) }
  }

  /// Makes a staged attempt visible by one rename: afterwards it is listed, whatever crashes.
  ///
  /// Anyone may call it, in any process, as often as they like: a restore point that is already visible with this
  /// summary's digest is a success. Throws `fenced`, `notFound` if nothing was staged, `conflict` if the restore
  /// point is visible with another digest, `damaged` if what is staged is not what the summary vouches for.
  package func publish(
    _ attempt: AttemptID, _ summary: RestorePointSummary
  ) throws(RepositoryError) {
    guard summary.id.task == attempt.task else {
      throw RepositoryError(.invalid, "attempt \(attempt) cannot publish \(summary.id)")
    }
    if try !isPublished(summary) {
      do throws(RepositoryError) {
        try renameManifest(attempt, summary)
      } catch {
        guard error.code == .notFound || error.code == .alreadyExists else { throw error }
        try explainUnstaged(attempt, summary, error)
      }
    }
    try fileSystem.synchronizeDirectory(Layout.points(of: summary.virtualMachine))
    try clean(Layout.session(attempt))
  }

  /// Another publisher may have been first: then this returns. Else a fence was, or nothing was ever staged.
  private func explainUnstaged(
    _ attempt: AttemptID, _ summary: RestorePointSummary, _ failure: RepositoryError
  ) throws(RepositoryError) {
    // A fence under way may still lose to another publisher: it is ended before it is believed.
    let isFenced = try fileSystem.directoryExists(Layout.fence(attempt))
    if isFenced { try fence(attempt) }
    if try isPublished(summary) { return }
    if isFenced { throw fenced(attempt) }
    throw RepositoryError(.notFound, "attempt \(attempt) has nothing staged", cause: failure)
  }

  private func renameManifest(
    _ attempt: AttemptID, _ summary: RestorePointSummary
  ) throws(RepositoryError) {
    let manifest = "\(Layout.session(attempt))/\(Layout.manifest)"
    let (point, staged) = try readPoint(at: manifest)
    guard staged == summary, point.attempt == attempt else {
      throw RepositoryError(.damaged, "what \(attempt) staged is not what is to be published")
    }
    try makePointsDirectory(of: point.virtualMachine)
    try fileSystem.move(
      manifest, to: Layout.point(of: point.virtualMachine, named: point.fileName))
  }

  /// Whether the restore point is visible. Throws `conflict` if it is with another digest.
  private func isPublished(_ summary: RestorePointSummary) throws(RepositoryError) -> Bool {
    guard let path = try publishedPath(of: summary.id, summary.virtualMachine) else { return false }
    let bytes = try fileSystem.readWhole(path, limit: RestorePointFile.largest)
    let digest = SHA256().digest(bytes.span.bytes).description
    guard digest == summary.manifestDigest else {
      throw RepositoryError(
        .conflict, "restore point \(summary.id) is there with digest \(digest): \(path)")
    }
    return true
  }

  /// Removes the directory of a session whose commit is visible and durable.
  private func clean(_ session: String) throws(RepositoryError) {
    do throws(RepositoryError) {
      try fileSystem.synchronizeDirectory(session)
      for name in try fileSystem.list(session) {
        try fileSystem.ensureRemoved("\(session)/\(name)")
      }
      try fileSystem.removeDirectory(session)
      try fileSystem.synchronizeDirectory(Layout.sessions)
    } catch {
      // Gone already: another publisher cleans as well, or a fence took it.
      guard error.code == .notFound || error.code == .alreadyExists else { throw error }
    }
  }

  /// Sees to it that the attempt never writes or publishes again, also if it has yet to begin. Durable on return.
  /// What it published before stays.
  package func fence(_ attempt: AttemptID) throws(RepositoryError) {
    let session = Layout.session(attempt)
    let fence = Layout.fence(attempt)
    // The marker comes first: whoever begins after this sees it, whoever began before is renamed away.
    try fileSystem.ensureDirectory(fence)
    do throws(RepositoryError) {
      try fileSystem.moveDirectory(session, to: fence)
    } catch {
      switch error.code {
      case .notFound: break
      case .alreadyExists:
        // Fenced before, with what it held; a directory made since is empty, for its maker saw the marker.
        do throws(RepositoryError) { try fileSystem.removeDirectory(session) } catch {
          guard error.code == .notFound else { throw error }
        }
      default: throw error
      }
    }
    try ensureMoved("\(fence)/\(Layout.manifest)", to: "\(fence)/\(Layout.fencedManifest)")
    try fileSystem.synchronizeDirectory(Layout.fenced)
    try fileSystem.synchronizeDirectory(Layout.sessions)
  }

  /// Takes a name away, if it is there, from whoever is about to rename it.
  private func ensureMoved(_ source: String, to target: String) throws(RepositoryError) {
    do throws(RepositoryError) { try fileSystem.move(source, to: target) } catch {
      guard error.code == .notFound else { throw error }
    }
  }

  /// Fences the attempt and deletes what it staged. Data that an index already names stays for the next attempt.
  /// What it published before stays. Any number of times, by anyone, also after a crash half-way.
  ///
  /// Packs that were moved to `packs/` but whose index was not published are found by the staged delta that names
  /// them; all other staged data lies in the session's own directory. An empty marker stays in `fenced/`.
  package func discard(_ attempt: AttemptID) throws(RepositoryError) {
    try fence(attempt)
    let directory = Layout.fence(attempt)
    for name in try fileSystem.list(directory) where name.hasPrefix(Layout.stagedDeltaPrefix) {
      try ensureMoved("\(directory)/\(name)", to: "\(directory)/\(Layout.discardedPrefix)\(name)")
    }
    let names = try fileSystem.list(directory)
    for name in names where name.hasSuffix(Layout.stagedPackSuffix) {
      try fileSystem.ensureRemoved("\(directory)/\(name)")
    }
    for name in names where name.hasPrefix(Layout.discardedPrefix) {
      try removePacks(namedBy: "\(directory)/\(name)")
    }
    for name in names { try fileSystem.ensureRemoved("\(directory)/\(name)") }
    try fileSystem.synchronizeDirectory(directory)
  }

  private func removePacks(namedBy delta: String) throws(RepositoryError) {
    let index: IndexFile
    do throws(RepositoryError) {
      index = try IndexFile(name: delta, fileSystem.open(delta))
    } catch {
      // A delta is durable before the first pack moves: a torn one, or one gone since, has moved none.
      guard error.code == .damaged || error.code == .notFound else { throw error }
      return
    }
    for pack in index.packs { try fileSystem.ensureRemoved(Layout.pack(pack.id)) }
    for directory in Set(index.packs.map { Layout.packDirectory($0.id) }).sorted() {
      try fileSystem.synchronizeDirectory(directory)
    }
  }

  /// The attempts that hold staged data now, running, left behind, or fenced and not wholly deleted: each ends by
  /// `publish` or `discard`.
  package func stagedAttempts() throws(RepositoryError) -> [AttemptID] {
    var attempts = Set(
      try fileSystem.list(Layout.sessions).compactMap { AttemptID(validating: $0) })
    for name in try fileSystem.list(Layout.fenced) {
      guard let attempt = AttemptID(validating: name),
        try !fileSystem.list(Layout.fence(attempt)).isEmpty
      else { continue }
      attempts.insert(attempt)
    }
    return attempts.sorted()
  }
}
