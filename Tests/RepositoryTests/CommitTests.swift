import BackupModel
import Synchronization
import Testing

@testable import Repository

@Suite("One rename commits, one rename fences")
struct CommitTests {
  private let directory: TemporaryDirectory
  private let repository: Repository
  private let disk: MemoryDisk

  init() throws {
    var numbers = SeededNumbers(seed: 9)
    disk = MemoryDisk(bytes: numbers.bytes(100_000))
    directory = try TemporaryDirectory()
    repository = try Repository.create(at: directory.path, .hasty())
  }

  private func code(_ body: () throws -> Void) -> RepositoryError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? RepositoryError)?.code
    }
  }

  @Test("Nothing is listed before it is published, and everything after")
  func visibility() throws {
    let summary = try repository.stage(attempt(), [disk])
    #expect(try repository.restorePoints().isEmpty)
    #expect(try repository.stagedAttempts() == [attempt()])
    #expect(code { _ = try repository.openRestorePoint(summary.id) } == .notFound)
    try repository.publish(attempt(), summary)
    guard case .whole(let point, let listed)? = try repository.restorePoints().first else {
      Issue.record("not listed")
      return
    }
    #expect(listed == summary)
    #expect(point.attempt == attempt())
    #expect(try repository.stagedAttempts().isEmpty)
    #expect(
      try repository.fileSystem.list("points/db") == ["20261118T110640Z-nightly-1.1.pt"])
  }

  @Test("Publishing again, by another process too, changes nothing")
  func publishingIsIdempotent() throws {
    let summary = try repository.stage(attempt(), [disk])
    let other = try Repository.open(at: directory.path)
    for _ in 0..<3 {
      try repository.publish(attempt(), summary)
      try other.publish(attempt(), summary)
    }
    #expect(try repository.restorePoints().count == 1)
  }

  @Test("A second writer of the same attempt is refused")
  func secondWriter() throws {
    _ = try repository.beginRestorePoint(plan(attempt(), disks: [disk]))
    #expect(code { _ = try repository.stage(attempt(), [disk]) } == .alreadyExists)
  }

  @Test("A second restore point of the same object in the same session is a conflict")
  func atMostOnePerSessionAndObject() throws {
    let second = attempt("nightly-1", 1, 2)
    let late = try repository.stage(second, [MemoryDisk(bytes: [7])])
    try repository.backUp(attempt(), [disk])
    #expect(code { try repository.publish(second, late) } == .conflict)
    #expect(code { _ = try repository.stage(attempt("nightly-1", 1, 3), [disk]) } == .conflict)
    #expect(try repository.restore(late.id).disks[0].bytes == disk.bytes)
  }

  @Test("Publishing what was never staged, or is not what the summary says, is refused")
  func publishingNothing() throws {
    let summary = try repository.stage(attempt(), [disk])
    let other = attempt("other")
    #expect(code { try repository.publish(other, summary) } == .invalid)
    let forged = RestorePointSummary(
      id: summary.id, virtualMachine: summary.virtualMachine, repository: summary.repository,
      manifestDigest: String(repeating: "0", count: 64), logicalBytes: summary.logicalBytes,
      storedBytes: summary.storedBytes)
    #expect(code { try repository.publish(attempt(), forged) } == .damaged)
    try repository.discard(attempt())
    #expect(code { try repository.publish(attempt(), summary) } == .fenced)
  }

  @Test("A fenced attempt can neither begin, write, stage nor publish")
  func fencedAttempt() throws {
    try repository.fence(attempt("never-begun"))
    #expect(code { _ = try repository.stage(attempt("never-begun"), [disk]) } == .fenced)

    let writer = try repository.beginRestorePoint(plan(attempt("begun"), disks: [disk]))
    try repository.fence(attempt("begun"))
    #expect(code { try writer.backUp(diskID(0), from: disk) } == .fenced)

    let reader = try repository.beginRestorePoint(plan(attempt("read"), disks: [disk]))
    try reader.backUp(diskID(0), from: disk)
    try repository.discard(attempt("read"))
    #expect(code { _ = try reader.stage() } == .fenced)

    let summary = try repository.stage(attempt("staged"), [MemoryDisk(bytes: [1])])
    try repository.fence(attempt("staged"))
    #expect(code { try repository.publish(attempt("staged"), summary) } == .fenced)
    #expect(try repository.restorePoints().isEmpty)
  }

  @Test("Fencing and discarding leave what was published, and may be repeated")
  func fenceAfterPublishing() throws {
    let summary = try repository.backUp(attempt(), [disk])
    for _ in 0..<3 {
      try repository.fence(attempt())
      try repository.discard(attempt())
    }
    #expect(try repository.restore(summary.id).disks[0].bytes == disk.bytes)
    try repository.publish(attempt(), summary)
  }

  @Test("What a discarded attempt stored is used by the next one")
  func discardedDataIsReused() throws {
    let lost = try repository.stage(attempt(), [disk])
    try repository.discard(attempt())
    let next = try repository.backUp(attempt("nightly-1", 1, 2), [disk])
    #expect(lost.storedBytes > 0 && next.storedBytes == 0)
    #expect(try repository.restore(next.id).disks[0].bytes == disk.bytes)
  }

  @Test(
    "A fence that races with a commit ends one way or the other, never between", arguments: [2, 3])
  func race(publishers: Int) throws {
    var (committed, fenced) = (0, 0)
    for round in 0..<200 {
      let attempt = attempt("race-\(round)")
      let summary = try repository.stage(attempt, [MemoryDisk(bytes: [UInt8(round & 255)])])
      let outcomes = Mutex<[RepositoryError.Code?]>([])
      let ready = Atomic<Int>(0)
      let path = directory.path
      inParallel(publishers) { index in
        let repository = try? Repository.open(at: path, .hasty())
        ready.add(1, ordering: .acquiringAndReleasing)
        while ready.load(ordering: .acquiring) < publishers {}
        do throws(RepositoryError) {
          if index == 0 {
            try repository?.fence(attempt)
          } else {
            try repository?.publish(attempt, summary)
            outcomes.withLock { $0.append(nil) }
          }
        } catch { outcomes.withLock { $0.append(error.code) } }
      }
      let codes = outcomes.withLock { $0 }
      let isListed = try repository.pointNames(of: summary.virtualMachine)
        .contains { Layout.pointID(inName: $0) == summary.id }
      #expect(codes.count == publishers - 1, "round \(round)")
      #expect(codes.allSatisfy { $0 == (isListed ? nil : .fenced) }, "round \(round): \(codes)")
      if isListed { committed += 1 } else { fenced += 1 }
      try repository.discard(attempt)
    }
    #expect(committed + fenced == 200)
    #expect(
      committed > 0 && fenced > 0, "one side won all: \(committed) committed, \(fenced) fenced")
  }

  @Test("A canceled writer stops within a read, and nothing of it is visible", arguments: [1, 3])
  func cancellation(threads: Int) throws {
    struct Canceling: DiskSource {
      let disk: MemoryDisk
      let cancel: @Sendable () -> Void
      let reads: Counter
      var size: UInt64 { disk.size }
      func extents(in range: Range<UInt64>) throws -> [SourceExtent] { try disk.extents(in: range) }
      func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws {
        if reads.next() == 2 { cancel() }
        try disk.read(at: offset, into: &buffer)
      }
    }
    let repository = try Repository.open(at: directory.path, .hasty(threads: threads))
    var numbers = SeededNumbers(seed: 4)
    let disk = MemoryDisk(bytes: numbers.bytes(64 << 20))
    let writer = try repository.beginRestorePoint(plan(attempt(), disks: [disk]))
    let reads = Counter(from: 0)
    let source = Canceling(disk: disk, cancel: { writer.cancel() }, reads: reads)
    #expect(code { try writer.backUp(diskID(0), from: source) } == .canceled)
    #expect(reads.next() <= 2 + threads)
    #expect(code { _ = try writer.stage() } == .invalid)
    try repository.discard(attempt())
    #expect(try repository.packIDs().isEmpty)
    #expect(try repository.stagedAttempts().isEmpty)
  }

  @Test("A source that fails, or lies about its extents, ends the backup with its error")
  func failingSource() throws {
    struct Failing: DiskSource {
      let size: UInt64 = 1 << 20
      let extents: [SourceExtent]
      func extents(in range: Range<UInt64>) -> [SourceExtent] { extents }
      func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws { throw Broken() }
    }
    struct Broken: Error {}
    let whole = SourceExtent(range: 0..<1 << 20, isHole: false)
    let lies = [
      [whole], [], [SourceExtent(range: 0..<5, isHole: true)],
      [SourceExtent(range: 0..<1 << 40, isHole: false)], [whole, whole],
      [SourceExtent(range: 5..<1 << 20, isHole: false)],
    ]
    for (number, extents) in lies.enumerated() {
      let attempt = attempt("lie-\(number)")
      let writer = try repository.beginRestorePoint(
        plan(attempt, disks: [MemoryDisk(bytes: [UInt8](repeating: 0, count: 1 << 20))]))
      let failed = code { try writer.backUp(diskID(0), from: Failing(extents: extents)) }
      #expect(failed == .source, "\(extents)")
      try repository.discard(attempt)
    }
  }
}
