import BackupModel
import Foundation
import GRPC
import Logging
import Repository
import Synchronization
import Worker

/// A worker with all around it: a scripted coordinator, a fake hypervisor, a real repository in a directory of its
/// own.
final class WorkerBed: Sendable {
  static let vm = VirtualMachineID(rawValue: "vm-1")
  static let disk = DiskID(rawValue: "disk0.qcow2")

  let directory: String
  let repository: Repository
  let hypervisor = FakeHypervisor()
  let coordinator = ScriptedCoordinator()
  let transport: InProcessTransport
  let runtime: WorkerRuntime
  let content: FakeDisk.Content

  init(clock: any WorkerClock = SystemWorkerClock(start: Timestamp(nanosecondsSinceEpoch: 0)))
    throws
  {
    directory =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("belay-worker-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    repository = try Repository.create(at: directory + "/repository")
    content = Self.makeContent()
    hypervisor.add(
      Self.vm,
      disks: [
        (Self.disk, content), (DiskID(rawValue: "swap.raw"), .init(bytes: [1, 2, 3, 4, 5])),
      ])
    var router = Router()
    router.add(coordinator)
    transport = InProcessTransport(serving: router)
    var configuration = WorkerConfiguration(
      worker: WorkerID(rawValue: "w1"), host: HostID(rawValue: "host-a"), incarnation: "i1",
      slots: 2)
    configuration.firstReconnectDelay = .milliseconds(1)
    configuration.lastReconnectDelay = .milliseconds(5)
    configuration.progressInterval = .milliseconds(5)
    var log = Logger(label: "worker")
    log.logLevel = .critical
    runtime = WorkerRuntime(
      configuration, channel: transport, hypervisors: [hypervisor], clock: clock, log: log)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Runs the worker beside `body`, which ends with the worker told to end.
  func run(_ body: @Sendable (ScriptedCoordinator) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await self.runtime.run() }
      do {
        _ = try await coordinator.registration(1)
        try await body(coordinator)
      } catch {
        group.cancelAll()
        throw error
      }
      runtime.cancel()
      try await group.waitForAll()
    }
  }

  func specification(_ number: Int = 1, session: String = "s1") -> TaskSpecification {
    TaskSpecification(
      attempt: AttemptID(
        task: TaskID(session: SessionID(rawValue: session), ordinal: 1), number: number),
      job: JobID(rawValue: "nightly"), type: .vmBackup,
      object: JobObject(virtualMachine: Self.vm, hypervisor: "fake"),
      repository: RepositoryID(rawValue: "main"), repositoryPath: repository.path,
      sessionStarted: Timestamp(nanosecondsSinceEpoch: 1_800_000_000_000_000_000))
  }

  func restoration(
    of point: RestorePointID, number: Int = 1, format: DiskImageFormat = .raw
  ) -> TaskSpecification {
    var specification = specification(number, session: "r1")
    specification.type = .restore
    specification.restore = RestoreSettings(
      restorePoint: point, targetDirectory: directory + "/restored", format: format)
    return specification
  }

  /// What an unfinished attempt must not leave behind.
  func leftovers() throws -> [String] {
    let staged = try repository.stagedAttempts().map { "staged \($0)" }
    let points = try repository.restorePoints().map { "point \($0)" }
    let partial = try FileManager.default.contentsOfDirectory(atPath: directory)
      .filter { $0.contains("partial") }
    return staged + points + partial + hypervisor.checkpoints.map { "checkpoint \($0)" }
      + hypervisor.disks.filter { !$0.isClosed }.map { _ in "an open disk" }
  }

  /// 9 MiB and a bit: noise, a hole over two regions, and a last block that is not whole.
  private static func makeContent() -> FakeDisk.Content {
    let mebibyte = 1 << 20
    var bytes = [UInt8](repeating: 0, count: 9 * mebibyte + 700)
    var state: UInt64 = 7
    for index in 0..<mebibyte {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      bytes[index] = UInt8(truncatingIfNeeded: state >> 56)
    }
    for index in (9 * mebibyte)..<bytes.count { bytes[index] = UInt8(index % 251) }
    return FakeDisk.Content(bytes: bytes, holes: [UInt64(mebibyte)..<UInt64(9 * mebibyte)])
  }
}
