import BackupModel
import Conformance
import Foundation
import Hypervisor
import Logging
import Testing

@testable import DiskImagesHypervisor

private let vm = VirtualMachineID(rawValue: "vm-1")
private let name = CheckpointName(
  attempt: AttemptID(task: TaskID(session: SessionID(rawValue: "freeze"), ordinal: 1), number: 1))

@Suite("A freeze that did not last is found out before anything is vouched for", .serialized)
struct FreezeTests {
  private static let size = 4 << 20
  private let contents = DiskContents(
    size: size, pieces: [.init(offset: 0, bytes: [UInt8](repeating: 1, count: size))])

  private func liveLibrary() throws -> TestLibrary {
    let library = try TestLibrary()
    try library.make(vm, [(.raw, contents), (.qcow2, contents)])
    try start(library)
    return library
  }

  private func start(_ library: TestLibrary) throws {
    try LiveVirtualMachine(directory: library.directory(vm))
      .start(try ImageLibrary(root: library.root).disks(of: vm))
  }

  /// That the checkpoint is refused, and then leaves nothing when it is removed.
  private func expectBroken(
    _ hypervisor: DiskImagesHypervisor, _ library: TestLibrary, _ complaint: String
  ) throws {
    let error = #expect(throws: HypervisorError.self) {
      try hypervisor.verifyCheckpoint(name, of: vm)
    }
    #expect(error?.code == .failed)
    #expect(error?.isRetryable == true)
    #expect(error?.message.contains(complaint) == true, "\(error?.message ?? "")")
    try hypervisor.removeCheckpoint(name, of: vm)
    #expect(try hypervisor.listCheckpoints() == [])
    #expect(try FileManager.default.contentsOfDirectory(atPath: library.runtime) == [])
  }

  @Test("A backup job canceled by another program while its disk is read", arguments: 0..<2)
  func jobCanceled(_ index: Int) throws {
    let library = try liveLibrary()
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(name, of: vm)
    let id = DiskID(rawValue: ["disk0.raw", "disk1.qcow2"][index])
    let disk = try hypervisor.openDisk(id, of: vm, in: name)
    let half = Self.size / 2
    #expect(try read(disk, at: 0, count: half) == [UInt8](repeating: 1, count: half))
    try hypervisor.verifyCheckpoint(name, of: vm)

    let machine = LiveVirtualMachine(directory: library.directory(vm))
    let job = ShortName(name).backup(index)
    #expect(try machine.backupJobs().contains(job))
    try machine.cancel(job)
    try machine.write([UInt8](repeating: 2, count: 4096), at: UInt64(half), to: id)
    // The read itself does not tell: it shows what the guest has just written.
    #expect(try read(disk, at: UInt64(half), count: 4096) == [UInt8](repeating: 2, count: 4096))
    try expectBroken(hypervisor, library, "the disk \(id) frozen")
    #expect(try machine.remains() == [])
  }

  @Test(
    "A VM's daemon that was started anew, or is gone, after the last read",
    arguments: [true, false])
  func daemonRestarted(_ startsAgain: Bool) throws {
    let library = try liveLibrary()
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(name, of: vm)
    let machine = LiveVirtualMachine(directory: library.directory(vm))
    let pid = try #require(machine.pid)
    machine.stop()
    let deadline = Deadline(in: .seconds(10))
    while kill(pid, 0) == 0 && !deadline.hasPassed { deadline.pause(.milliseconds(1)) }
    if startsAgain {
      for socket in ["qmp.sock", "nbd.sock"] { unlink("\(library.directory(vm))/\(socket)") }
      try start(library)
    }
    try expectBroken(hypervisor, library, startsAgain ? "started anew" : "is gone")
  }

  @Test("A paused backup job still keeps the frozen disk, and is vouched for")
  func jobPaused() throws {
    let library = try liveLibrary()
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(name, of: vm)
    let id = DiskID(rawValue: "disk0.raw")
    let machine = LiveVirtualMachine(directory: library.directory(vm))
    try machine.execute("job-pause", ["id": .string(ShortName(name).backup(0))])
    try machine.write([UInt8](repeating: 2, count: 4096), at: 0, to: id)
    let disk = try hypervisor.openDisk(id, of: vm, in: name)
    #expect(try read(disk, at: 0, count: 8192) == [UInt8](repeating: 1, count: 8192))
    try hypervisor.verifyCheckpoint(name, of: vm)
    try hypervisor.removeCheckpoint(name, of: vm)
    #expect(try machine.remains() == [])
  }

  @Test("An offline checkpoint whose daemon has ended, and with it the locks")
  func offlineDaemonEnded() throws {
    let library = try TestLibrary()
    try library.make(vm, [(.qcow2, contents)])
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(name, of: vm)
    let daemon = StorageDaemon(
      directory: CheckpointDirectory(in: try #require(realPath(library.runtime)), name, vm))
    daemon.kill()
    let deadline = Deadline(in: .seconds(10))
    while !daemon.running().isEmpty && !deadline.hasPassed { deadline.pause(.milliseconds(1)) }
    try expectBroken(hypervisor, library, "locked its images has ended")
  }

  @Test(
    "With too little room for what the guest overwrites, a live VM is neither frozen nor read on")
  func scratchRoom() throws {
    let library = try liveLibrary()
    let hypervisor = try library.hypervisor()
    let cramped = try DiskImagesHypervisor(
      root: library.root, runtimeDirectory: library.runtime, scratchReserve: .max,
      log: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
    let refused = #expect(throws: HypervisorError.self) {
      try cramped.createCheckpoint(name, of: vm)
    }
    #expect(refused?.message.contains("its own writes would fail") == true)
    #expect(refused?.isRetryable == true)
    #expect(try hypervisor.listCheckpoints() == [])

    try hypervisor.createCheckpoint(name, of: vm)
    let disk = try cramped.openDisk(DiskID(rawValue: "disk0.raw"), of: vm, in: name)
    let cut = #expect(throws: HypervisorError.self) { _ = try read(disk, at: 0, count: 512) }
    #expect(cut?.message.contains("its own writes would fail") == true)
    disk.close()
    try hypervisor.removeCheckpoint(name, of: vm)
  }
}
