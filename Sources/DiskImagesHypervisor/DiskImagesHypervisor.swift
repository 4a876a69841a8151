import BackupModel
import Foundation
import Glibc
import Hypervisor
import Logging

/// The embedded hypervisor `disk-images`: a directory whose sub-directories are virtual machines, and their image
/// files the disks, frozen and read through QEMU's storage daemon.
///
/// A VM is live while a storage daemon serves it at `qmp.sock` and `nbd.sock` in its directory, and offline
/// otherwise; the target's catalogue says how each is frozen. All methods may be called from any thread. Nothing is
/// kept in memory: another process with the same directories sees and removes the same checkpoints.
package struct DiskImagesHypervisor: Hypervisor {
  package let name = "disk-images"

  private let library: ImageLibrary
  private let runtimeDirectory: String
  private let scratchReserve: UInt64
  private let children = Children()
  private let log: Logger

  /// How long the making of a checkpoint, and its removal, may take.
  private static let bound: Duration = .seconds(30)

  /// Reads the VMs in `root` and keeps checkpoints in `runtimeDirectory`, which is made if it does not exist, should
  /// not be shared with other hosts, and needs room for what live VMs overwrite while they are backed up. A live VM is
  /// frozen and read only while more than `scratchReserve` bytes are free there.
  package init(
    root: String, runtimeDirectory: String, scratchReserve: UInt64 = 64 << 20, log: Logger
  ) throws(HypervisorError) {
    self.scratchReserve = scratchReserve
    library = ImageLibrary(root: root)
    _ = try library.virtualMachines()
    do {
      try FileManager.default.createDirectory(
        atPath: runtimeDirectory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw HypervisorError(
        .failed, "Cannot make the runtime directory \(runtimeDirectory): \(error)")
    }
    guard let real = realPath(runtimeDirectory) else {
      throw .system("Cannot find the runtime directory \(runtimeDirectory)", errno)
    }
    self.runtimeDirectory = real
    self.log = log
  }

  /// A VM that cannot be described is logged and left out, so that one broken image does not hide the others.
  package func listVirtualMachines() throws(HypervisorError) -> [VirtualMachine] {
    var machines: [VirtualMachine] = []
    for id in try library.virtualMachines() {
      do {
        machines.append(try virtualMachine(id))
      } catch {
        log.warning("VM left out of the list", metadata: ["vm": "\(id)", "error": "\(error)"])
      }
    }
    return machines
  }

  package func virtualMachine(
    _ id: VirtualMachineID
  ) throws(HypervisorError) -> VirtualMachine {
    let disks = try library.disks(of: id)
    return VirtualMachine(id: id, disks: disks.map { .init(id: $0.id, size: $0.size) })
  }

  package func createCheckpoint(
    _ name: CheckpointName, of vm: VirtualMachineID
  ) throws(HypervisorError) {
    let deadline = Deadline(in: Self.bound)
    let log = log(for: name, vm)
    children.reap()
    let vmDirectory = try library.directory(of: vm)
    let disks = try library.disks(of: vm)
    guard !disks.isEmpty else {
      throw HypervisorError(
        .invalid,
        "The VM '\(vm)' has no disk image (.raw, .img, .qcow2, .vhdx, .vmdk) in \(vmDirectory).")
    }
    let directory = CheckpointDirectory(in: runtimeDirectory, name, vm)
    let lock = try directory.create()
    log.debug("checkpoint directory made")
    do {
      if var daemon = try LiveDaemon.connect(vmDirectory: vmDirectory, deadline: deadline) {
        log.debug("live VM found")
        try room(for: directory).check()
        try LiveFreeze(directory: directory, vmDirectory: vmDirectory, disks: disks, log: log)
          .freeze(&daemon)
      } else {
        try OfflineFreeze(directory: directory, disks: disks, children: children, log: log)
          .freeze(lock, deadline: deadline)
      }
    } catch {
      do {
        try discard(directory, lock, deadline: Deadline(in: Self.bound))
      } catch let second {
        log.error("half-made checkpoint stays", metadata: ["error": "\(second)"])
      }
      throw error
    }
    log.debug("checkpoint made")
  }

  package func openDisk(
    _ disk: DiskID, of vm: VirtualMachineID, in checkpoint: CheckpointName
  ) throws(HypervisorError) -> any FrozenDisk {
    let directory = CheckpointDirectory(in: runtimeDirectory, checkpoint, vm)
    let state = try CheckpointState.read(from: directory)
    guard let frozen = state.disks.first(where: { $0.id == disk }) else {
      throw HypervisorError(
        .notFound, "The checkpoint \(checkpoint) of \(vm) has no disk '\(disk)'.")
    }
    return try NBDDisk(
      frozen, in: directory, socketDirectory: state.socketDirectory,
      room: state.isLive(in: directory) ? room(for: directory) : nil)
  }

  package func verifyCheckpoint(
    _ name: CheckpointName, of vm: VirtualMachineID
  ) throws(HypervisorError) {
    try FreezeProof(directory: CheckpointDirectory(in: runtimeDirectory, name, vm))
      .check(deadline: Deadline(in: Self.bound))
  }

  package func removeCheckpoint(
    _ name: CheckpointName, of vm: VirtualMachineID
  ) throws(HypervisorError) {
    let deadline = Deadline(in: Self.bound)
    let directory = CheckpointDirectory(in: runtimeDirectory, name, vm)
    while directory.exists {
      StorageDaemon(directory: directory).kill()
      children.reap()
      if let lock = try directory.tryLock() {
        try discard(directory, lock, deadline: deadline)
        break
      }
      guard !deadline.hasPassed else {
        throw HypervisorError(
          .busy,
          "The checkpoint \(name) of \(vm) is still being made or removed by another process.")
      }
      deadline.pause(.milliseconds(5))
    }
    // Also what a runtime directory that is gone left in the VM's daemon.
    try thaw(name, of: vm, deadline: deadline)
    children.reap()
  }

  package func listCheckpoints() throws(HypervisorError) -> [ExistingCheckpoint] {
    children.reap()
    var found = Set(try CheckpointDirectory.list(in: runtimeDirectory).map(\.checkpoint))
    for vm in try library.virtualMachines() {
      do {
        let directory = try library.directory(of: vm)
        guard
          var daemon = try LiveDaemon.connect(
            vmDirectory: directory, deadline: Deadline(in: .seconds(5)))
        else { continue }
        found.formUnion(try daemon.checkpoints().map(\.checkpoint))
      } catch {
        // Its checkpoints are known by their directories all the same.
        log.warning("VM's daemon not asked", metadata: ["vm": "\(vm)", "error": "\(error)"])
      }
    }
    return found.sorted { ($0.name, $0.virtualMachine) < ($1.name, $1.virtualMachine) }
  }

  package func convertImage(
    from raw: String, to path: String, format: DiskImageFormat, isCancelled: () -> Bool
  ) throws(HypervisorError) {
    try ImageConversion(source: raw, target: path, format: format).run(isCancelled: isCancelled)
  }

  /// Removes all of a checkpoint, whole or half made; whoever holds its lock may.
  private func discard(
    _ directory: CheckpointDirectory, _ lock: borrowing CheckpointDirectory.Lock, deadline: Deadline
  ) throws(HypervisorError) {
    let daemon = StorageDaemon(directory: directory)
    while !daemon.running().isEmpty || children.remain(in: directory) {
      daemon.kill()
      guard !deadline.hasPassed else {
        throw HypervisorError(
          .timeout, "The storage daemon of \(directory.path) does not end, though killed.")
      }
      deadline.pause(.milliseconds(2))
    }
    let checkpoint = directory.checkpoint
    try thaw(checkpoint.name, of: checkpoint.virtualMachine, deadline: deadline)
    try directory.delete()
    log(for: checkpoint.name, checkpoint.virtualMachine).debug("checkpoint removed")
  }

  /// Takes a checkpoint out of the daemon that serves its VM, if one does.
  private func thaw(
    _ name: CheckpointName, of vm: VirtualMachineID, deadline: Deadline
  ) throws(HypervisorError) {
    guard let vmDirectory = try? library.directory(of: vm),
      var daemon = try LiveDaemon.connect(vmDirectory: vmDirectory, deadline: deadline)
    else { return }
    let directories = try daemon.checkpoints().filter { $0.checkpoint.name == name }
    try LiveThaw(name: name, log: log(for: name, vm)).thaw(&daemon)
    for directory in directories where directory.checkpoint.virtualMachine == vm {
      try directory.delete()
    }
  }

  private func room(for directory: CheckpointDirectory) -> ScratchRoom {
    ScratchRoom(directory: directory, reserve: scratchReserve)
  }

  private func log(for name: CheckpointName, _ vm: VirtualMachineID) -> Logger {
    var log = log
    log[metadataKey: "checkpoint"] = "\(name)"
    log[metadataKey: "vm"] = "\(vm)"
    return log
  }
}
