import BackupModel
import Testing

@testable import Repository

@Suite("What is backed up is what is restored")
struct RoundTripTests {
  @Test(
    "A restored disk equals its source, byte for byte, on any number of threads",
    arguments: [1, 2, 3], 1...2 as ClosedRange<UInt64>)
  func restoredDiskEqualsSource(threads: Int, seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path, .threads(threads))
    let disks = (0..<2).map { number in
      MemoryDisk.random(
        size: Int.random(in: 0...6_000_000, using: &numbers), seed: seed &* 10 &+ number)
    }
    try repository.backUp(attempt(), disks)
    let (restored, damages) = try Repository.open(at: directory.path)
      .restore(RestorePointID(task: attempt().task))
    #expect(damages.isEmpty, "seed \(seed)")
    #expect(restored.map(\.bytes) == disks.map(\.bytes), "seed \(seed)")
    #expect(try repository.verify(.trees).isEmpty, "seed \(seed)")
  }

  @Test(
    "Disks of every awkward size come back",
    arguments: [0, 1, 4095, 4096, 4097, 4 << 20, (4 << 20) + 1])
  func awkwardSizes(size: Int) throws {
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    var numbers = SeededNumbers(seed: UInt64(size))
    let disk = MemoryDisk(bytes: numbers.bytes(size))
    try repository.backUp(attempt(), [disk])
    let (restored, damages) = try repository.restore(RestorePointID(task: attempt().task))
    #expect(damages.isEmpty)
    #expect(restored[0].bytes == disk.bytes)
  }

  @Test(
    "Any range of a stored disk reads as its source does", arguments: 1...3 as ClosedRange<UInt64>)
  func rangesRead(seed: UInt64) throws {
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    let disk = MemoryDisk.random(size: 5_000_001, seed: seed)
    try repository.backUp(attempt(), [disk])
    let stored = try repository.openRestorePoint(RestorePointID(task: attempt().task))
      .openDisk(diskID(0))
    var numbers = SeededNumbers(seed: seed)
    for _ in 0..<40 {
      let start = Int.random(in: 0...disk.bytes.count, using: &numbers)
      let count = Int.random(in: 0...min(600_000, disk.bytes.count - start), using: &numbers)
      var bytes = [UInt8](repeating: 0xAA, count: count)
      try bytes.edit(0..<count) { try stored.read(at: UInt64(start), into: &$0) }
      #expect(bytes == Array(disk.bytes[start..<start + count]), "seed \(seed), \(start)+\(count)")
      let extents = try stored.extents(in: UInt64(start)..<UInt64(start + count))
      #expect(extents.reduce(0) { $0 + $1.range.count } == count)
      for extent in extents where extent.isHole {
        let part = disk.bytes[Int(extent.range.lowerBound)..<Int(extent.range.upperBound)]
        #expect(part.allSatisfy { $0 == 0 })
      }
    }
  }

  @Test("A range outside of the disk is refused")
  func rangeOutside() throws {
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    try repository.backUp(attempt(), [MemoryDisk(bytes: [1, 2, 3])])
    let stored = try repository.openRestorePoint(RestorePointID(task: attempt().task))
      .openDisk(diskID(0))
    for offset in [UInt64(1), 3, 4, .max] {
      var bytes = [UInt8](repeating: 0, count: 3)
      #expect(throws: RepositoryError.self) {
        try bytes.edit(0..<3) { try stored.read(at: offset, into: &$0) }
      }
    }
  }

  @Test("A disk of holes stores no data, however large")
  func holesCostNothing() throws {
    struct Emptiness: DiskSource {
      let size: UInt64 = 1 << 40
      func extents(in range: Range<UInt64>) -> [SourceExtent] {
        [SourceExtent(range: range, isHole: true)]
      }
      func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws {
        throw RepositoryError(.source, "a hole was read")
      }
    }
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    let writer = try repository.beginRestorePoint(
      RestorePointPlan(
        attempt: attempt(), job: JobID(rawValue: "nightly"),
        virtualMachine: VirtualMachineID(rawValue: "db"),
        repository: RepositoryID(rawValue: "main"),
        sessionStarted: Timestamp(nanosecondsSinceEpoch: 0),
        disks: [.init(id: diskID(0), size: 1 << 40)]))
    try writer.backUp(diskID(0), from: Emptiness())
    let summary = try writer.stage()
    #expect(summary.storedBytes == 0)
    #expect(summary.logicalBytes == 1 << 40)
    #expect(writer.progress.processedBytes == 1 << 40)
    #expect(try repository.packIDs().isEmpty)
  }

  @Test("What is stored already is not stored again, wherever it lies")
  func contentIsStoredOnce() throws {
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    var numbers = SeededNumbers(seed: 7)
    let file = numbers.bytes(6 << 20)
    let first = try repository.backUp(attempt("one"), [MemoryDisk(bytes: file)])
    let moved = MemoryDisk(bytes: numbers.bytes(40960) + file)
    let second = try repository.backUp(attempt("two"), vm: "web", [moved])
    #expect(first.storedBytes > 6 << 20)
    #expect(second.storedBytes < 1 << 20)
    #expect(try repository.restore(second.id).disks[0].bytes == moved.bytes)
  }

  @Test("A stored disk can be the source of another backup")
  func storedDiskIsASource() throws {
    let directory = try TemporaryDirectory()
    let copyDirectory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    let copy = try Repository.create(at: copyDirectory.path)
    let disk = MemoryDisk.random(size: 5_000_000, seed: 3)
    let original = try repository.backUp(attempt(), [disk])
    let writer = try copy.beginRestorePoint(plan(attempt("copy"), disks: [disk]))
    try writer.backUp(
      diskID(0), from: repository.openRestorePoint(original.id).openDisk(diskID(0)))
    let summary = try writer.stage()
    try copy.publish(attempt("copy"), summary)
    #expect(try copy.restore(summary.id).disks[0].bytes == disk.bytes)
  }

  @Test("Progress reaches the whole and counts what was read and stored")
  func progressIsCounted() throws {
    let directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path)
    let disk = MemoryDisk.random(size: 9_000_000, seed: 5)
    let writer = try repository.beginRestorePoint(plan(attempt(), disks: [disk]))
    try writer.backUp(diskID(0), from: disk)
    let summary = try writer.stage()
    let progress = writer.progress
    #expect(progress.processedBytes == disk.size)
    #expect(progress.totalBytes == disk.size)
    #expect(progress.readBytes > 0 && progress.readBytes <= disk.size)
    #expect(progress.storedBytes == summary.storedBytes)
    let packs = try repository.packIDs().map {
      try repository.fileSystem.open(Layout.pack($0)).size()
    }
    #expect(packs.reduce(0, +) == summary.storedBytes)
  }
}
