import BackupModel
import Foundation
import Hypervisor
import Synchronization

/// A hypervisor in memory whose calls a test can stop, or make fail.
final class FakeHypervisor: Hypervisor {
  enum Call: Hashable, Sendable { case create, open, read, verify, remove, list, convert }

  private struct State {
    var machines: [VirtualMachineID: [(id: DiskID, disk: FakeDisk.Content)]] = [:]
    var checkpoints: [CheckpointName: VirtualMachineID] = [:]
    var gates: [Call: Gate] = [:]
    var failures: [Call: [HypervisorError]] = [:]
    var disks: [FakeDisk] = []
    var isRemovalVain = false
  }

  let name = "fake"
  private let state = Mutex(State())

  func add(_ vm: VirtualMachineID, disks: [(id: DiskID, disk: FakeDisk.Content)]) {
    state.withLock { $0.machines[vm] = disks }
  }

  func add(_ checkpoint: CheckpointName, of vm: VirtualMachineID) {
    state.withLock { $0.checkpoints[checkpoint] = vm }
  }

  /// From now on the calls of that kind stop at the gate.
  func stop(at call: Call) -> Gate {
    let gate = Gate()
    state.withLock { $0.gates[call] = gate }
    return gate
  }

  /// The next calls of that kind fail, one for each error.
  func fail(_ call: Call, _ errors: [HypervisorError]) {
    state.withLock { $0.failures[call, default: []] += errors }
  }

  /// Removal says that it is done, and does nothing.
  func removeInVain(_ isVain: Bool) { state.withLock { $0.isRemovalVain = isVain } }

  var checkpoints: [CheckpointName] { state.withLock { $0.checkpoints.keys.sorted() } }
  /// All that were ever opened.
  var disks: [FakeDisk] { state.withLock(\.disks) }

  func pass(_ call: Call) throws(HypervisorError) {
    state.withLock { $0.gates[call] }?.pass()
    let error = state.withLock { state -> HypervisorError? in
      guard let errors = state.failures[call], !errors.isEmpty else { return nil }
      return state.failures[call]?.removeFirst()
    }
    if let error { throw error }
  }

  func interrupt(_ call: Call) { state.withLock { $0.gates[call] }?.interrupt() }

  func listVirtualMachines() throws(HypervisorError) -> [VirtualMachine] {
    state.withLock { state in
      state.machines.keys.sorted().map { id in Self.describe(id, state.machines[id] ?? []) }
    }
  }

  func virtualMachine(_ id: VirtualMachineID) throws(HypervisorError) -> VirtualMachine {
    guard let disks = state.withLock({ $0.machines[id] }) else {
      throw HypervisorError(.notFound, "There is no VM \(id)")
    }
    return Self.describe(id, disks)
  }

  func createCheckpoint(_ name: CheckpointName, of vm: VirtualMachineID) throws(HypervisorError) {
    try pass(.create)
    _ = try virtualMachine(vm)
    let isNew = state.withLock { $0.checkpoints.updateValue(vm, forKey: name) == nil }
    guard isNew else { throw HypervisorError(.alreadyExists, "\(name) exists") }
  }

  func openDisk(_ disk: DiskID, of vm: VirtualMachineID, in checkpoint: CheckpointName)
    throws(HypervisorError) -> any FrozenDisk
  {
    try pass(.open)
    let content = state.withLock { state in
      state.checkpoints[checkpoint] == vm
        ? state.machines[vm]?.first { $0.id == disk }?.disk : nil
    }
    guard let content else { throw HypervisorError(.notFound, "No disk \(disk)") }
    let frozen = FakeDisk(content: content, hypervisor: self)
    state.withLock { $0.disks.append(frozen) }
    return frozen
  }

  func verifyCheckpoint(_ name: CheckpointName, of vm: VirtualMachineID) throws(HypervisorError) {
    try pass(.verify)
    guard state.withLock({ $0.checkpoints[name] == vm }) else {
      throw HypervisorError(.closed, "\(name) was removed")
    }
  }

  func removeCheckpoint(_ name: CheckpointName, of vm: VirtualMachineID) throws(HypervisorError) {
    try pass(.remove)
    state.withLock { state in
      if !state.isRemovalVain { state.checkpoints[name] = nil }
    }
  }

  func listCheckpoints() throws(HypervisorError) -> [ExistingCheckpoint] {
    try pass(.list)
    return state.withLock { state in
      state.checkpoints.map { ExistingCheckpoint(name: $0.key, virtualMachine: $0.value) }
        .sorted { $0.name < $1.name }
    }
  }

  /// Writes the format's name before the bytes.
  func convertImage(
    from raw: String, to path: String, format: DiskImageFormat, isCancelled: () -> Bool
  ) throws(HypervisorError) {
    if let gate = state.withLock({ $0.gates[.convert] }) {
      gate.reach()
      while !gate.isOpen {
        if isCancelled() { throw HypervisorError(.closed, "The conversion was cancelled") }
        sched_yield()
      }
    }
    let image = Data(format.rawValue.utf8) + (FileManager.default.contents(atPath: raw) ?? Data())
    guard FileManager.default.createFile(atPath: path, contents: image) else {
      throw HypervisorError(.failed, "\(path) could not be written")
    }
  }

  private static func describe(
    _ id: VirtualMachineID, _ disks: [(id: DiskID, disk: FakeDisk.Content)]
  ) -> VirtualMachine {
    VirtualMachine(
      id: id,
      disks: disks.map {
        VirtualMachine.Disk(id: $0.id, size: UInt64($0.disk.bytes.count))
      })
  }
}

/// A disk in memory that notes what is read of it, and when.
final class FakeDisk: FrozenDisk {
  struct Content: Sendable {
    var bytes: [UInt8]
    /// Multiples of 4 KiB; zeros in the bytes.
    var holes: [Range<UInt64>] = []
  }

  private struct State {
    var isClosed = false
    var reads: [Range<UInt64>] = []
  }

  private let content: Content
  private let hypervisor: FakeHypervisor
  private let state = Mutex(State())

  init(content: Content, hypervisor: FakeHypervisor) {
    self.content = content
    self.hypervisor = hypervisor
  }

  var size: UInt64 { UInt64(content.bytes.count) }
  var isClosed: Bool { state.withLock(\.isClosed) }
  var reads: [Range<UInt64>] { state.withLock(\.reads) }

  func extents(in range: Range<UInt64>) throws(HypervisorError) -> [DiskExtent] {
    var extents: [DiskExtent] = []
    var position = range.lowerBound
    for hole in content.holes.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      let hole = hole.clamped(to: range)
      guard !hole.isEmpty else { continue }
      if position < hole.lowerBound {
        extents.append(DiskExtent(range: position..<hole.lowerBound, isHole: false))
      }
      extents.append(DiskExtent(range: hole, isHole: true))
      position = hole.upperBound
    }
    if position < range.upperBound {
      extents.append(DiskExtent(range: position..<range.upperBound, isHole: false))
    }
    return extents
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(HypervisorError) {
    try hypervisor.pass(.read)
    guard !isClosed else { throw HypervisorError(.closed, "The disk is closed") }
    let range = Int(offset)..<(Int(offset) + buffer.byteCount)
    buffer.withUnsafeMutableBytes { $0.copyBytes(from: content.bytes[range]) }
    state.withLock { $0.reads.append(UInt64(range.lowerBound)..<UInt64(range.upperBound)) }
  }

  func close() {
    state.withLock { $0.isClosed = true }
    hypervisor.interrupt(.read)
  }
}
