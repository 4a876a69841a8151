import BackupModel
import Glibc
import Synchronization

@testable import Repository

/// A directory that is deleted with all that it holds when nobody needs it any more.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/belay-repository-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw systemError("cannot make", "/tmp/belay-…") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    if let files = try? LocalFileSystem(at: path) {
      for name in (try? files.list(".")) ?? [] {
        if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
      }
    }
    rmdir(path)
  }
}

extension Environment {
  /// Times and ids in a fixed order, one thread: the same bytes each time.
  static func fixed(threads: Int = 1) -> Environment {
    let time = Counter(from: 1_800_000_000)
    let id = Counter(from: 1)
    var environment = Environment.system
    environment.threads = threads
    environment.now = {
      Timestamp(nanosecondsSinceEpoch: Int64(time.next()) * 1_000_000_000)
    }
    environment.newID = {
      var numbers = SeededNumbers(seed: UInt64(id.next()))
      return PackID(words: (numbers.next(), numbers.next()))
    }
    return environment
  }

  static func threads(_ count: Int) -> Environment {
    var environment = Environment.system
    environment.threads = count
    return environment
  }
}

final class Counter: Sendable {
  private let value: Atomic<Int>
  init(from first: Int) { value = Atomic(first) }
  func next() -> Int { value.add(1, ordering: .relaxed).oldValue }
}

func attempt(_ session: String = "nightly-1", _ ordinal: Int = 1, _ number: Int = 1) -> AttemptID {
  AttemptID(
    task: TaskID(session: SessionID(rawValue: session), ordinal: ordinal), number: number)
}

func plan(
  _ attempt: AttemptID, vm: String = "db", disks: [MemoryDisk]
) -> RestorePointPlan {
  RestorePointPlan(
    attempt: attempt, job: JobID(rawValue: "nightly"),
    virtualMachine: VirtualMachineID(rawValue: vm), repository: RepositoryID(rawValue: "main"),
    sessionStarted: Timestamp(nanosecondsSinceEpoch: 1_795_000_000_000_000_000),
    disks: disks.enumerated().map { number, disk in
      RestorePointPlan.Disk(id: diskID(number), size: disk.size)
    })
}

func diskID(_ number: Int) -> DiskID { DiskID(rawValue: "disk\(number)") }

extension Repository {
  /// Backs the disks up and stages them.
  func stage(
    _ attempt: AttemptID, vm: String = "db", _ disks: [MemoryDisk]
  ) throws(RepositoryError) -> RestorePointSummary {
    let writer = try beginRestorePoint(plan(attempt, vm: vm, disks: disks))
    for (number, disk) in disks.enumerated() { try writer.backUp(diskID(number), from: disk) }
    return try writer.stage()
  }

  @discardableResult
  func backUp(
    _ attempt: AttemptID, vm: String = "db", _ disks: [MemoryDisk]
  ) throws(RepositoryError) -> RestorePointSummary {
    let summary = try stage(attempt, vm: vm, disks)
    try publish(attempt, summary)
    return summary
  }

  /// Restores the disks, whole or as far as they are whole.
  func restore(_ id: RestorePointID) throws -> (disks: [MemoryDisk], damages: [Damage]) {
    let reader = try openRestorePoint(id)
    var disks: [MemoryDisk] = []
    var damages: [Damage] = []
    for disk in reader.restorePoint.disks {
      let sink = MemorySink(size: Int(disk.size))
      damages += try reader.openDisk(disk.id).restore(to: sink)
      disks.append(MemoryDisk(bytes: sink.bytes))
    }
    return (disks, damages)
  }
}
