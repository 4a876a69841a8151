internal import BackupModel
import Synchronization

/// Asks the hypervisors what checkpoints are on the host, on a thread of its own: one that does not answer must not
/// keep the worker from its coordinator.
final class LeftoverSearch: Sendable {
  typealias Finding = (records: [CheckpointRecord], failures: [String])

  private let checkpoints: CheckpointWork
  private let host: HostID
  private let thread = BlockingThreads(label: "list", limit: 1)
  private let findings = Mailbox<Finding>()
  private let isRunning = Mutex(false)

  init(_ checkpoints: CheckpointWork, on host: HostID) {
    self.checkpoints = checkpoints
    self.host = host
  }

  /// What was found. Nil: the search goes on, and what it finds is there for the next caller. One task at a time may
  /// ask.
  func result(until deadline: Timestamp, by clock: any WorkerClock) async -> Finding? {
    start()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [findings] in await findings.waitForEvent() }
      group.addTask { try? await clock.sleep(until: deadline) }
      await group.next()
      group.cancelAll()
    }
    return findings.takeAll().last
  }

  private func start() {
    let isFirst = isRunning.withLock { isRunning in
      defer { isRunning = true }
      return !isRunning
    }
    guard isFirst else { return }
    thread.submit { [self] in
      let finding = checkpoints.list(on: host)
      isRunning.withLock { $0 = false }
      findings.post(finding)
    }
  }
}
