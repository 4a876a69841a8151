import BackupModel
import Conformance
import Foundation
import Hypervisor
import Logging
import Synchronization
import Testing

@testable import DiskImagesHypervisor

private let vm = VirtualMachineID(rawValue: "vm-1")

private func checkpoint(_ number: Int) -> CheckpointName {
  CheckpointName(
    attempt: AttemptID(
      task: TaskID(session: SessionID(rawValue: "crash"), ordinal: 1), number: number))
}

/// Whether the VM's guest runs while the worker dies.
enum Liveness: String, CaseIterable, Codable, Sendable { case offline, live }

@Suite("Whatever is killed, listing sees what is left and removal takes it away", .serialized)
struct CrashTests {
  /// Kills the process with SIGKILL when the driver has logged so many steps: at exact places in the middle.
  struct FatalLog: LogHandler {
    let steps = StepCounter()
    let fatal: Int
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      if steps.next() == fatal { kill(getpid(), SIGKILL) }
    }
  }

  final class StepCounter: Sendable {
    private let value = Atomic<Int>(0)
    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
  }

  private func library(_ liveness: Liveness) throws -> TestLibrary {
    let library = try TestLibrary()
    let contents = DiskContents(
      size: 1 << 20, pieces: [.init(offset: 0, bytes: [UInt8](repeating: 7, count: 8192))])
    try library.make(vm, [(.raw, contents), (.qcow2, contents)])
    if liveness == .live {
      try LiveVirtualMachine(directory: library.directory(vm))
        .start(try ImageLibrary(root: library.root).disks(of: vm))
    }
    return library
  }

  /// Lists, removes, and demands that nothing at all is left and that the VM can be frozen again.
  private func recover(_ library: TestLibrary, _ liveness: Liveness, _ place: String) throws {
    let hypervisor = try library.hypervisor()
    let left = try hypervisor.listCheckpoints()
    let directory = CheckpointDirectory(
      in: try #require(realPath(library.runtime)), checkpoint(1), vm)
    if left.isEmpty {
      #expect(StorageDaemon(directory: directory).running() == [], "\(place): a hidden daemon")
    } else {
      #expect(
        left == [ExistingCheckpoint(name: checkpoint(1), virtualMachine: vm)], "\(place)")
    }
    try hypervisor.removeCheckpoint(checkpoint(1), of: vm)
    #expect(try hypervisor.listCheckpoints() == [], "\(place)")
    #expect(StorageDaemon(directory: directory).running() == [], "\(place): a daemon is left")
    #expect(try FileManager.default.contentsOfDirectory(atPath: library.runtime) == [], "\(place)")
    if liveness == .live {
      let remains = try LiveVirtualMachine(directory: library.directory(vm)).remains()
      #expect(remains == [], "\(place)")
    }
    try hypervisor.createCheckpoint(checkpoint(2), of: vm)
    try hypervisor.removeCheckpoint(checkpoint(2), of: vm)
  }

  @Test("A worker killed after any step of a creation", arguments: Liveness.allCases, 1...8)
  func killedAtStep(_ liveness: Liveness, _ step: Int) async throws {
    let library = try library(liveness)
    let (root, runtime) = (library.root, library.runtime)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [root = root as String, runtime = runtime as String, step = step as Int] in
      let log = Logger(label: "fatal") { _ in FatalLog(fatal: step) }
      let hypervisor = try DiskImagesHypervisor(root: root, runtimeDirectory: runtime, log: log)
      try hypervisor.createCheckpoint(checkpoint(1), of: vm)
    }
    try recover(library, liveness, "\(liveness), step \(step)")
  }

  @Test("A worker killed after any step of a removal", arguments: Liveness.allCases, 1...4)
  func killedWhileRemoving(_ liveness: Liveness, _ step: Int) async throws {
    let library = try library(liveness)
    let (root, runtime) = (library.root, library.runtime)
    // By a worker that ended: a daemon that this process started would stay its zombie while the exit test waits
    // for any child at all.
    await #expect(processExitsWith: .success) {
      [root = root as String, runtime = runtime as String] in
      let log = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
      let hypervisor = try DiskImagesHypervisor(root: root, runtimeDirectory: runtime, log: log)
      try hypervisor.createCheckpoint(checkpoint(1), of: vm)
    }
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [root = root as String, runtime = runtime as String, step = step as Int] in
      let log = Logger(label: "fatal") { _ in FatalLog(fatal: step) }
      let hypervisor = try DiskImagesHypervisor(root: root, runtimeDirectory: runtime, log: log)
      try hypervisor.removeCheckpoint(checkpoint(1), of: vm)
      // Fewer steps than that: killed after the last.
      kill(getpid(), SIGKILL)
    }
    try recover(library, liveness, "removing, \(liveness), step \(step)")
  }

  @Test("A worker killed at any instant", arguments: Liveness.allCases, 0..<10)
  func killedAtInstant(_ liveness: Liveness, _ seed: Int) async throws {
    let library = try library(liveness)
    let (root, runtime) = (library.root, library.runtime)
    // Spread over the time that a creation takes, at places that no step marks.
    let microseconds = UInt32(1000 + seed * 6131 % 60_000)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [root = root as String, runtime = runtime as String, microseconds = microseconds as UInt32] in
      let log = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
      let hypervisor = try DiskImagesHypervisor(root: root, runtimeDirectory: runtime, log: log)
      Thread {
        usleep(microseconds)
        kill(getpid(), SIGKILL)
      }.start()
      while true {
        try hypervisor.createCheckpoint(checkpoint(1), of: vm)
        try hypervisor.removeCheckpoint(checkpoint(1), of: vm)
      }
    }
    try recover(library, liveness, "\(liveness), seed \(seed), after \(microseconds) µs")
  }

  @Test("The checkpoint of a worker that died is whole and read by another")
  func outlivesItsWorker() async throws {
    let library = try library(.offline)
    let (root, runtime) = (library.root, library.runtime)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [root = root as String, runtime = runtime as String] in
      let log = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
      let hypervisor = try DiskImagesHypervisor(root: root, runtimeDirectory: runtime, log: log)
      try hypervisor.createCheckpoint(checkpoint(1), of: vm)
      kill(getpid(), SIGKILL)
    }
    let hypervisor = try library.hypervisor()
    let disk = try hypervisor.openDisk(
      DiskID(rawValue: "disk0.raw"), of: vm, in: checkpoint(1))
    #expect(try read(disk, at: 0, count: 4096) == [UInt8](repeating: 7, count: 4096))
    try recover(library, .offline, "after reading")
  }

  @Test("A storage daemon killed while it is read: the reader fails, removal cleans")
  func daemonKilled() throws {
    let library = try library(.offline)
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(checkpoint(1), of: vm)
    let disk = try hypervisor.openDisk(
      DiskID(rawValue: "disk1.qcow2"), of: vm, in: checkpoint(1))
    _ = try read(disk, at: 0, count: 512)
    let directory = CheckpointDirectory(
      in: try #require(realPath(library.runtime)), checkpoint(1), vm)
    #expect(StorageDaemon(directory: directory).running().count == 1)
    StorageDaemon(directory: directory).kill()
    let error = #expect(throws: HypervisorError.self) {
      while true { _ = try read(disk, at: 0, count: 512) }
    }
    #expect(error?.code == .failed)
    #expect(try hypervisor.listCheckpoints().count == 1)
    try recover(library, .offline, "daemon killed")
  }

  @Test("A live VM's daemon killed while frozen: the checkpoint is listed and removed")
  func liveDaemonKilled() throws {
    let library = try library(.live)
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(checkpoint(1), of: vm)
    let machine = LiveVirtualMachine(directory: library.directory(vm))
    machine.stop()
    #expect(try hypervisor.listCheckpoints().count == 1)
    try hypervisor.removeCheckpoint(checkpoint(1), of: vm)
    #expect(try hypervisor.listCheckpoints() == [])
    #expect(try FileManager.default.contentsOfDirectory(atPath: library.runtime) == [])
  }

  @Test("A reader of a daemon that hangs is cut within a second by closing its disk")
  func closingCutsHungRead() throws {
    let library = try library(.offline)
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(checkpoint(1), of: vm)
    let disk = try hypervisor.openDisk(
      DiskID(rawValue: "disk0.raw"), of: vm, in: checkpoint(1))
    let directory = CheckpointDirectory(
      in: try #require(realPath(library.runtime)), checkpoint(1), vm)
    for pid in StorageDaemon(directory: directory).running() { kill(pid, SIGSTOP) }
    let closing = Mutex<ContinuousClock.Instant?>(nil)
    Thread {
      Deadline(in: .milliseconds(300)).pause(.milliseconds(300))
      closing.withLock { $0 = .now }
      disk.close()
    }.start()
    let error = #expect(throws: HypervisorError.self) { _ = try read(disk, at: 0, count: 1 << 20) }
    #expect(error?.code == .closed)
    let closed = try #require(closing.withLock { $0 }, "the read ended before the close")
    #expect(closed.duration(to: .now) < .seconds(1))
    try recover(library, .offline, "hung daemon")
  }

  @Test("What a runtime directory that is gone left in a live VM's daemon is listed and removed")
  func runtimeDirectoryWiped() throws {
    let library = try library(.live)
    try library.hypervisor().createCheckpoint(checkpoint(1), of: vm)
    try FileManager.default.removeItem(atPath: library.runtime)
    try recover(library, .live, "runtime directory wiped")
  }
}

/// Reads into a new array.
func read(_ disk: any FrozenDisk, at offset: UInt64, count: Int) throws -> [UInt8] {
  var bytes = [UInt8](repeating: 0xaa, count: count)
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  try disk.read(at: offset, into: &raw)
  return bytes
}
