internal import BackupModel
internal import CoordinatorCore

extension World {
  func seeInRecord(_ record: SessionRecord, _ oracle: SessionOracle) {
    switch record.fact {
    case .stopAccepted:
      if oracle.tasks.contains(where: { $0.committed != nil && !$0.isPublished }) {
        see(.stopWhileAPermitIsInFlight)
      }
      if oracle.tasks.allSatisfy({ $0.started == nil }) { see(.stopBeforeTheFirstVM) }
    case .stopEscalated: see(.gracefulRaisedToImmediate)
    default: break
    }
  }

  /// Called when a process dies: is a checkpoint there whose creation is not in the log yet?
  func seeCrashBeforeConfirmation() {
    for checkpoint in hypervisor.checkpoints {
      let name = checkpoint.record.name
      if oracle(name.attempt.task.session)?.ledger[name] == .intended {
        see(.crashBetweenCheckpointCreationAndConfirmation)
      }
    }
  }

  /// A report that asks to commit an attempt which has lost its lease.
  func seeLateCommit(_ event: Event) {
    guard case .workerReported(_, _, let report) = event else { return }
    for attempt in report.attempts where attempt.readyToCommit != nil && !attempt.isPublished {
      let task = attempt.attempt.task
      guard let oracle = oracle(task.session) else { continue }
      if oracle.lost.contains(attempt.attempt),
        oracle.tasks[task.ordinal - 1].committedAttempt != attempt.attempt.number
      {
        see(.zombiesLateCommitRefused)
      }
    }
  }
}
