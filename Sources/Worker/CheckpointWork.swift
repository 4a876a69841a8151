internal import BackupModel
internal import Hypervisor
import WorkerCore

/// Makes, removes and lists checkpoints with the worker's drivers. Calls block.
struct CheckpointWork: Sendable {
  /// By the names that jobs give.
  let hypervisors: [String: any Hypervisor]

  init(_ hypervisors: [any Hypervisor]) {
    self.hypervisors = Dictionary(hypervisors.map { ($0.name, $0) }) { first, _ in first }
  }

  var names: [String] { hypervisors.keys.sorted() }

  func create(for specification: TaskSpecification) -> StepResult {
    guard specification.type == .vmBackup else {
      return .checkpointFailed(
        StepFailure(
          "This worker cannot process \(specification.type.title) jobs", isRetryable: false))
    }
    do {
      try driver(specification.object.hypervisor).createCheckpoint(
        CheckpointName(attempt: specification.attempt), of: specification.object.virtualMachine)
      return .checkpointCreated
    } catch {
      return .checkpointFailed(StepFailure(error))
    }
  }

  /// Of an attempt of this worker: without the driver it can't have made one.
  func remove(for specification: TaskSpecification) -> StepResult {
    guard let driver = hypervisors[specification.object.hypervisor] else {
      return .checkpointRemoved
    }
    do {
      try driver.removeCheckpoint(
        CheckpointName(attempt: specification.attempt), of: specification.object.virtualMachine)
      return .checkpointRemoved
    } catch {
      return .removalFailed(message: error.message)
    }
  }

  func verifyRemoval(for specification: TaskSpecification) -> StepResult {
    guard let driver = hypervisors[specification.object.hypervisor] else {
      return .removalVerified
    }
    do {
      try verifyGone(CheckpointName(attempt: specification.attempt), in: driver)
      return .removalVerified
    } catch {
      return .removalFailed(message: error.message)
    }
  }

  /// Removes one that another attempt left, and makes sure that it is gone.
  func remove(_ record: CheckpointRecord) throws(HypervisorError) {
    let driver = try driver(record.hypervisor)
    try driver.removeCheckpoint(record.name, of: record.virtualMachine)
    try verifyGone(record.name, in: driver)
  }

  /// All that are on the host, of every driver that can tell; and why the others could not.
  func list(on host: HostID) -> (records: [CheckpointRecord], failures: [String]) {
    var records: [CheckpointRecord] = []
    var failures: [String] = []
    for name in names {
      do {
        let found = try driver(name).listCheckpoints()
        records += found.map {
          CheckpointRecord(
            name: $0.name, host: host, hypervisor: name, virtualMachine: $0.virtualMachine)
        }
      } catch {
        failures.append("\(name): \(error.message)")
      }
    }
    return (records, failures)
  }

  private func driver(_ name: String) throws(HypervisorError) -> any Hypervisor {
    guard let driver = hypervisors[name] else {
      throw HypervisorError(.failed, "This worker has no hypervisor driver '\(name)'")
    }
    return driver
  }

  private func verifyGone(_ name: CheckpointName, in driver: any Hypervisor)
    throws(HypervisorError)
  {
    guard try !driver.listCheckpoints().contains(where: { $0.name == name }) else {
      throw HypervisorError(.failed, "Checkpoint \(name) is still there after its removal")
    }
  }
}
