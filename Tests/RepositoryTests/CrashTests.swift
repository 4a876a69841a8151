import BackupModel
import Testing

@testable import Repository

@Suite(
  "A crash at any call leaves old restore points as they were, and the new one absent or whole")
struct CrashTests {
  private let directory: TemporaryDirectory
  private let old: RestorePointSummary
  private let oldDisk = MemoryDisk.random(size: 700_000, seed: 1)
  private let oldFiles: [String: [UInt8]]

  init() throws {
    directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path, .hasty())
    old = try repository.backUp(attempt("old"), [oldDisk])
    oldFiles = try visibleFiles(LocalFileSystem(at: directory.path))
  }

  private func faulty(_ fault: FaultyFileSystem.Fault, _ call: Int) throws -> (
    Repository, FaultyFileSystem
  ) {
    let files = try FaultyFileSystem(at: directory.path, fault, atCall: call)
    var environment = Environment.threads(1)
    environment.openFileSystem = { _ in files }
    return (try Repository.open(at: directory.path, environment), files)
  }

  /// Looks at the repository as a process that starts after the crash.
  private func check(
    _ id: RestorePointID, isListed: Bool, _ disk: MemoryDisk, _ context: Comment
  ) throws {
    let repository = try Repository.open(at: directory.path, .hasty())
    let listed = try repository.restorePoints()
    #expect(listed.allSatisfy { if case .whole = $0 { true } else { false } }, context)
    let isThere = listed.contains {
      if case .whole(let point, _) = $0 { point.id == id } else { false }
    }
    #expect(isThere == isListed, context)
    if isListed { #expect(try repository.restore(id).disks[0].bytes == disk.bytes, context) }
    #expect(try repository.restore(old.id).disks[0].bytes == oldDisk.bytes, context)
    let files = try visibleFiles(LocalFileSystem(at: directory.path))
    #expect(oldFiles.allSatisfy { files[$0.key] == $0.value }, context)
    #expect(try repository.verify(.trees).isEmpty, context)
  }

  /// Every pack is named by an index: nothing was left behind.
  private func checkNothingIsKept(_ context: Comment) throws {
    let repository = try Repository.open(at: directory.path, .hasty())
    #expect(try repository.stagedAttempts().isEmpty, context)
    let named = try Set(repository.index.snapshot().files.flatMap(\.packs).map(\.id))
    #expect(try Set(repository.packIDs()) == named, context)
  }

  @Test("while it is written, staged and published", arguments: FaultyFileSystem.Fault.allCases)
  func writing(fault: FaultyFileSystem.Fault) throws {
    var outcomes = (unstaged: 0, staged: 0, published: 0)
    for call in 0..<1000 {
      let context: Comment = "\(fault) at call \(call)"
      let attempt = attempt("new-\(fault.rawValue.lowercased())-\(call)")
      let disk = MemoryDisk.random(size: 300_000, seed: UInt64(call + 2))
      let (repository, files) = try faulty(fault, call)
      var summary: RestorePointSummary?
      var isPublished = false
      do {
        summary = try repository.stage(attempt, [disk])
        try repository.publish(attempt, #require(summary))
        isPublished = true
      } catch let error as RepositoryError {
        #expect(error.code == .storage, "\(context): \(error)")
      }
      let isOver = files.calls <= call
      if fault == .powerCut { try files.losePower() }

      let next = try Repository.open(at: directory.path, .hasty())
      let id = RestorePointID(task: attempt.task)
      if isPublished { try check(id, isListed: true, disk, context) }
      if let summary {
        // The coordinator's log says committed: whoever recovers publishes, again if need be.
        outcomes.staged += 1
        try next.publish(attempt, summary)
        try check(id, isListed: true, disk, context)
        try next.discard(attempt)
        try check(id, isListed: true, disk, context)
      } else {
        outcomes.unstaged += 1
        try check(id, isListed: false, disk, context)
        try next.discard(attempt)
        try check(id, isListed: false, disk, context)
      }
      if isPublished { outcomes.published += 1 }
      try checkNothingIsKept(context)
      if isOver { break }
    }
    #expect(outcomes.unstaged > 15 && outcomes.staged > 5 && outcomes.published > 0)
  }

  @Test("while it is discarded", arguments: FaultyFileSystem.Fault.allCases)
  func discarding(fault: FaultyFileSystem.Fault) throws {
    for call in 0..<1000 {
      let context: Comment = "\(fault) at call \(call)"
      let attempt = attempt("gone-\(fault.rawValue.lowercased())-\(call)")
      let disk = MemoryDisk.random(size: 300_000, seed: UInt64(call + 2000))
      try leavePacksWithoutIndex(attempt, disk, context)
      let (repository, files) = try faulty(fault, call)
      do { try repository.discard(attempt) } catch {
        #expect(error.code == .storage, "\(context): \(error)")
      }
      if fault == .powerCut { try files.losePower() }
      let next = try Repository.open(at: directory.path, .hasty())
      try next.discard(attempt)
      try check(RestorePointID(task: attempt.task), isListed: false, disk, context)
      try checkNothingIsKept(context)
      if files.calls <= call { return }
    }
  }

  /// Kills a writer after its packs were moved and before their index was.
  private func leavePacksWithoutIndex(
    _ attempt: AttemptID, _ disk: MemoryDisk, _ context: Comment
  ) throws {
    let files = try PublicationStopper(at: directory.path)
    var environment = Environment.threads(1)
    environment.openFileSystem = { _ in files }
    let repository = try Repository.open(at: directory.path, environment)
    #expect(throws: RepositoryError.self, context) { try repository.stage(attempt, [disk]) }
    let named = try Set(repository.index.snapshot().files.flatMap(\.packs).map(\.id))
    #expect(try !Set(repository.packIDs()).subtracting(named).isEmpty, context)
  }

  @Test("while a repository is made: it can be made again, or is there", arguments: [true, false])
  func creating(cutsPower: Bool) throws {
    let fault = cutsPower ? FaultyFileSystem.Fault.powerCut : .kill
    for call in [0, 1, 5, 6, 7, 100] + Array(255...290) {
      let directory = try TemporaryDirectory()
      let files = try FaultyFileSystem(at: directory.path, fault, atCall: call)
      var environment = Environment.threads(1)
      environment.openFileSystem = { _ in files }
      let created = try? Repository.create(at: directory.path, environment)
      if cutsPower { try files.losePower() }
      let repository: Repository
      do {
        repository = try Repository.open(at: directory.path, .hasty())
      } catch {
        #expect(error.code == .notFound && created == nil, "call \(call): \(error)")
        repository = try Repository.create(at: directory.path, .hasty())
      }
      try repository.backUp(attempt(), [MemoryDisk(bytes: [1, 2, 3])])
    }
  }
}

/// All files that a reader looks at, with their bytes.
func visibleFiles(_ files: LocalFileSystem) throws -> [String: [UInt8]] {
  var found: [String: [UInt8]] = [:]
  func walk(_ path: String) throws {
    for name in try files.list(path) {
      let inner = "\(path)/\(name)"
      if let bytes = try? files.readWhole(inner, limit: 1 << 30) {
        found[inner] = bytes
      } else {
        try walk(inner)
      }
    }
  }
  for directory in [Layout.packs, Layout.index, Layout.points] { try walk(directory) }
  found[Layout.config] = try files.readWhole(Layout.config, limit: 1 << 20)
  return found
}

/// The real file system of a process that dies when it is to move an index into its place.
struct PublicationStopper: FileSystem {
  let real: LocalFileSystem

  init(at path: String) throws(RepositoryError) { real = try LocalFileSystem(at: path) }

  func makeDirectory(_ path: String) throws(RepositoryError) { try real.makeDirectory(path) }
  func list(_ path: String) throws(RepositoryError) -> [String] { try real.list(path) }
  func create(_ path: String) throws(RepositoryError) -> OpenFile { try real.create(path) }
  func open(_ path: String) throws(RepositoryError) -> OpenFile { try real.open(path) }
  func write(_ bytes: RawSpan, to file: OpenFile, at offset: UInt64) throws(RepositoryError) {
    try real.write(bytes, to: file, at: offset)
  }
  func synchronize(_ file: OpenFile) throws(RepositoryError) {}
  func synchronizeDirectory(_ path: String) throws(RepositoryError) {}
  func move(_ source: String, to target: String) throws(RepositoryError) {
    guard !target.hasPrefix(Layout.index) else { throw RepositoryError(.storage, "dead") }
    try real.move(source, to: target)
  }
  func moveDirectory(_ source: String, to target: String) throws(RepositoryError) {
    try real.moveDirectory(source, to: target)
  }
  func removeFile(_ path: String) throws(RepositoryError) { try real.removeFile(path) }
  func removeDirectory(_ path: String) throws(RepositoryError) { try real.removeDirectory(path) }
}
