import BackupModel
import Testing

@testable import Repository

@Suite("Damage is told, never passed on")
struct DamageTests {
  private let directory: TemporaryDirectory
  private let disks: [RestorePointID: MemoryDisk]
  private let files: LocalFileSystem

  init() throws {
    directory = try TemporaryDirectory()
    let repository = try Repository.create(at: directory.path, .hasty())
    var disks: [RestorePointID: MemoryDisk] = [:]
    for number in 1...3 {
      let disk = MemoryDisk.random(size: 600_000, seed: UInt64(number))
      let summary = try repository.backUp(attempt("s\(number)"), vm: "vm\(number)", [disk])
      disks[summary.id] = disk
    }
    self.disks = disks
    files = try LocalFileSystem(at: directory.path)
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try files.ensureRemoved(path)
    try files.write(bytes.span.bytes, to: files.create(path), at: 0)
  }

  /// Everything that is restored without a damage report is right.
  private func checkRestores(_ repository: Repository, _ context: Comment) throws -> Int {
    var whole = 0
    for case .whole(let point, _) in try repository.restorePoints() {
      let source = try #require(disks[point.id], context)
      let (restored, damages) = try repository.restore(point.id)
      var expected = source.bytes
      for damage in damages {
        guard case .disk(_, _, let id, let range) = damage.place else {
          Issue.record("\(damage)")
          continue
        }
        #expect(id == point.id, context)
        let bytes = Int(range.lowerBound)..<Int(range.upperBound)
        expected.replaceSubrange(bytes, with: repeatElement(0, count: bytes.count))
      }
      #expect(restored[0].bytes == expected, context)
      if damages.isEmpty { whole += 1 }
    }
    return whole
  }

  @Test(
    "Any byte of any file may change, any file be cut short, grow or go: no crash, no wrong data, and it is told"
  )
  func randomDamage() throws {
    let original = try visibleFiles(files)
    let paths = original.keys.sorted()
    for seed in 1...160 as ClosedRange<UInt64> {
      var numbers = SeededNumbers(seed: seed)
      let path = paths[Int.random(in: 0..<paths.count, using: &numbers)]
      let bytes = try #require(original[path])
      var changed = bytes
      let place = Int.random(in: 0..<bytes.count, using: &numbers)
      let kind = Int.random(in: 0..<6, using: &numbers)
      switch kind {
      case 0...2: changed[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &numbers))
      case 3: changed = Array(bytes[..<place])
      case 4: changed += numbers.bytes(1 + place % 100)
      default: changed.replaceSubrange(place..., with: repeatElement(0, count: bytes.count - place))
      }
      guard changed != bytes else { continue }
      try write(changed, to: path)
      let context: Comment = "seed \(seed): \(path), byte \(place), kind \(kind)"
      do {
        let repository = try Repository.open(at: directory.path, .hasty())
        #expect(path != Layout.config, context)
        let whole = try checkRestores(repository, context)
        #expect(whole >= 2, context)
        let damages = try repository.verify(.files)
        #expect(!damages.isEmpty, context)
        #expect(try !repository.verify(.trees).isEmpty, context)
      } catch let error as RepositoryError {
        #expect(error.code == .damaged && path == Layout.config, "\(context): \(error)")
      }
      try write(bytes, to: path)
    }
    let repository = try Repository.open(at: directory.path, .hasty())
    #expect(try repository.verify(.trees).isEmpty)
  }

  @Test(
    "A pack that is gone is told by VM, disk and range; the others are whole; the next backup heals it"
  )
  func missingPack() throws {
    let repository = try Repository.open(at: directory.path, .hasty())
    let index = try #require(try repository.index.snapshot().files.first)
    for pack in index.packs { try files.removeFile(Layout.pack(pack.id)) }
    let id = RestorePointID(task: attempt("s1").task)
    let damages = try repository.verify(.files)
    #expect(
      damages.contains {
        if case .file(let path) = $0.place { path.hasPrefix("packs/") } else { false }
      })
    let ranges = damages.compactMap { damage -> Range<UInt64>? in
      guard case .disk(diskID(0), VirtualMachineID(rawValue: "vm1"), id, let range) = damage.place
      else { return nil }
      return range
    }
    #expect(ranges == [0..<600_000])
    #expect(try checkRestores(repository, "without a pack") == 2)

    let again = try repository.backUp(attempt("s4"), vm: "vm1", [try #require(disks[id])])
    #expect(again.storedBytes > 0)
    #expect(try repository.restore(again.id).disks[0].bytes == disks[id]?.bytes)
    #expect(try repository.restore(id).disks[0].bytes == disks[id]?.bytes)
  }

  @Test("Without any index all is still restored, from what packs say of themselves")
  func missingIndexes() throws {
    for name in try files.list(Layout.index) { try files.removeFile("\(Layout.index)/\(name)") }
    let repository = try Repository.open(at: directory.path, .hasty())
    #expect(try checkRestores(repository, "without indexes") == 3)
  }

  @Test("A damaged restore point is listed as damaged, with its VM and id")
  func damagedPoint() throws {
    let name = try #require(try files.list("points/vm2").first)
    try write([1, 2, 3], to: "points/vm2/\(name)")
    let repository = try Repository.open(at: directory.path, .hasty())
    let listed = try repository.restorePoints(of: VirtualMachineID(rawValue: "vm2"))
    guard case .damaged(let damaged)? = listed.first else {
      Issue.record("listed as \(listed)")
      return
    }
    #expect(damaged.id == RestorePointID(task: attempt("s2").task))
    #expect(damaged.virtualMachine.rawValue == "vm2")
    #expect(try repository.restorePoints().count == 3)
    #expect(throws: RepositoryError.self) {
      try repository.openRestorePoint(RestorePointID(task: attempt("s2").task))
    }
  }

  @Test("A restore point under another's name is damaged")
  func swappedPoint() throws {
    let name = try #require(try files.list("points/vm1").first)
    let other = try #require(try files.list("points/vm2").first)
    try write(try files.readWhole("points/vm1/\(name)", limit: 1 << 20), to: "points/vm2/\(other)")
    let listed = try Repository.open(at: directory.path, .hasty()).restorePoints()
    #expect(listed.count { if case .damaged = $0 { true } else { false } } == 1)
  }
}
