internal import BackupModel
package import GRPC
package import Hypervisor
package import Logging
import Synchronization
import WorkerCore

/// A worker process: attached to its coordinator, it does what it is directed to until it is told to end.
///
/// Make one, call ``run()`` once. It keeps no state of its own across runs: the coordinator knows what it had, and
/// the hypervisors' own lists show what it left.
package final class WorkerRuntime: Sendable {
  private let configuration: WorkerConfiguration
  private let hypervisors: [any Hypervisor]
  private let channel: any RPCChannel
  private let clock: any WorkerClock
  private let log: Logger
  private let mailbox = Mailbox<WorkerEvent>()

  /// `channel` leads to the coordinator; `hypervisors` drive what is on this host, each under a name of its own.
  package init(
    _ configuration: WorkerConfiguration, channel: any RPCChannel,
    hypervisors: [any Hypervisor], clock: any WorkerClock, log: Logger
  ) {
    self.configuration = configuration
    self.channel = channel
    self.hypervisors = hypervisors
    self.clock = clock
    var log = log
    log[metadataKey: "worker"] = "\(configuration.worker)"
    self.log = log
  }

  /// Works until ``drain()`` or ``cancel()`` has led to an end.
  ///
  /// Cancelling the task that runs it is as if the process had died, but for the transfers: they are cut. What is
  /// left then is cleaned up by the coordinator's duties.
  package func run() async {
    let held = HeldAttempts()
    let checkpoints = CheckpointWork(hypervisors)
    let link = CoordinatorLink(
      configuration: configuration, channel: channel, clock: clock, log: log, mailbox: mailbox,
      hypervisors: checkpoints.names,
      search: LeftoverSearch(checkpoints, on: configuration.host), held: held)
    let loop = WorkerLoop(
      configuration: configuration, clock: clock, log: log, mailbox: mailbox,
      checkpoints: checkpoints, held: held)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await link.run() }
      let isAttached = await loop.run()
      if isAttached {
        group.addTask { [clock, configuration] in
          try? await clock.sleep(until: clock.now.advanced(by: configuration.farewellBound))
        }
        await group.next()
      }
      group.cancelAll()
    }
  }

  /// Takes no new task; ``run()`` returns when what it has is done and recorded. Again: no effect.
  package func drain() { mailbox.post(.drain) }

  /// Interrupts what it has, cleans up and lets ``run()`` return, after a bound also if that could not be done: the
  /// coordinator then has other workers of this host do it. What waits for a permit stays staged: the
  /// coordinator may have granted it.
  package func cancel() { mailbox.post(.cancel) }
}

/// The attempts that the worker answers for: their checkpoints are no leftovers.
final class HeldAttempts: Sendable {
  private let state = Mutex<Set<AttemptID>>([])

  func replace(with attempts: Set<AttemptID>) { state.withLock { $0 = attempts } }

  func contains(_ attempt: AttemptID) -> Bool { state.withLock { $0.contains(attempt) } }
}
