internal import BackupModel
internal import Hypervisor
import Repository
import Synchronization
import WorkerCore

/// A VM Backup's attempt: every disk of the checkpoint into the repository.
final class BackupWork: AttemptWork {
  private struct State {
    var isCut = false
    /// Whether there may be something to discard.
    var hasBegunStaging = false
    var writer: RestorePointWriter?
    var disks: [any FrozenDisk] = []
  }

  private let specification: TaskSpecification
  private let hypervisor: (any Hypervisor)?
  private let state = Mutex(State())

  /// `hypervisor`: the driver that the specification names. Nil: this worker has none of that name.
  init(_ specification: TaskSpecification, _ hypervisor: (any Hypervisor)?) {
    self.specification = specification
    self.hypervisor = hypervisor
  }

  var progress: TaskProgress { state.withLock(\.writer)?.progress ?? TaskProgress() }

  func transfer() -> StepResult {
    defer { closeDisks() }
    do {
      try read()
      return .transferred
    } catch {
      return state.withLock(\.isCut) ? .transferCut : .transferFailed(StepFailure(error))
    }
  }

  func cut() {
    let writer = state.withLock { state in
      state.isCut = true
      return state.writer
    }
    writer?.cancel()
    closeDisks()
  }

  func stage() -> StepResult {
    guard let writer = state.withLock(\.writer) else {
      return .stagingFailed(StepFailure("Nothing was transferred", isRetryable: true))
    }
    do {
      return .staged(.restorePoint(try writer.stage()))
    } catch {
      return .stagingFailed(StepFailure(error))
    }
  }

  func publish(_ commitment: Commitment) -> StepResult {
    guard case .restorePoint(let summary) = commitment else {
      return .publishFailed(StepFailure("A backup has no restored disks", isRetryable: false))
    }
    do {
      try Repository.publish(summary, of: specification)
      return .published
    } catch {
      return .publishFailed(error)
    }
  }

  func discard() -> StepResult {
    let hasBegun = state.withLock { state in
      state.writer = nil
      return state.hasBegunStaging
    }
    // An attempt that never reached the repository can end although the repository can't be reached.
    guard hasBegun else { return .stagingDiscarded }
    do {
      try Repository.open(at: specification.repositoryPath).discard(specification.attempt)
      return .stagingDiscarded
    } catch {
      return .discardFailed(message: error.description)
    }
  }

  private func read() throws {
    guard let hypervisor else {
      throw StepFailure(
        "This worker has no hypervisor driver '\(specification.object.hypervisor)'",
        isRetryable: true)
    }
    let repository = try Repository.open(at: specification.repositoryPath)
    let vm = specification.object.virtualMachine
    let disks = try hypervisor.virtualMachine(vm).disks.map { disk in
      (id: disk.id, frozen: try open(disk.id, of: vm, hypervisor))
    }
    let plan = RestorePointPlan(
      attempt: specification.attempt, job: specification.job, virtualMachine: vm,
      repository: specification.repository, sessionStarted: specification.sessionStarted,
      disks: disks.map { RestorePointPlan.Disk(id: $0.id, size: $0.frozen.size) })
    let writer = try begin(plan, in: repository)
    for disk in disks {
      try writer.backUp(disk.id, from: FrozenDiskSource(disk: disk.frozen))
    }
    // After the last read: a freeze that ended meanwhile would show bytes of another moment, and no read would tell.
    try hypervisor.verifyCheckpoint(CheckpointName(attempt: specification.attempt), of: vm)
  }

  /// The disk is closed by ``cut()`` from the moment that it is open.
  private func open(_ disk: DiskID, of vm: VirtualMachineID, _ hypervisor: any Hypervisor) throws
    -> any FrozenDisk
  {
    try checkCut()
    let frozen = try hypervisor.openDisk(
      disk, of: vm, in: CheckpointName(attempt: specification.attempt))
    state.withLock { $0.disks.append(frozen) }
    do {
      try checkCut()
      return frozen
    } catch {
      frozen.close()
      throw error
    }
  }

  private func begin(_ plan: RestorePointPlan, in repository: Repository) throws
    -> RestorePointWriter
  {
    try state.withLock { state in
      guard !state.isCut else { throw Self.cutError }
      state.hasBegunStaging = true
    }
    let writer = try repository.beginRestorePoint(plan)
    let isCut = state.withLock { state in
      state.writer = writer
      return state.isCut
    }
    if isCut { writer.cancel() }
    return writer
  }

  private func checkCut() throws {
    if state.withLock(\.isCut) { throw Self.cutError }
  }

  private func closeDisks() {
    let disks = state.withLock { state in
      defer { state.disks = [] }
      return state.disks
    }
    for disk in disks { disk.close() }
  }

  private static let cutError = StepFailure("The transfer was cut", isRetryable: true)
}

/// A checkpoint's disk as the repository reads it.
private struct FrozenDiskSource: DiskSource {
  let disk: any FrozenDisk

  var size: UInt64 { disk.size }

  func extents(in range: Range<UInt64>) throws -> [SourceExtent] {
    try disk.extents(in: range).map { SourceExtent(range: $0.range, isHole: $0.isHole) }
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws {
    try disk.read(at: offset, into: &buffer)
  }
}
