internal import BackupModel

extension SessionStateMachine {
  /// A worker asks to commit: the one place where "the stop raced with the finish" is decided (semantics.md §3).
  ///
  /// Only the holder of the task's lease gets here. Refused if an immediate stop stands in the log; the worker is
  /// then told to cancel.
  mutating func decideCommit(_ ordinal: Int, _ commitment: Commitment, _ step: inout Step) {
    guard let task = history.task(ordinal), let lease = task.current, task.commit == nil,
      task.state == .processing, !history.isStoppingImmediately
    else { return }
    guard isExpected(commitment, of: task) else {
      requestRemoval(ofAttempt: task.attempt(lease.attempt), &step)
      return failAttempt(
        ordinal, "worker \(lease.worker) asked to commit something else", true, &step)
    }
    record(.committed(task: ordinal, attempt: lease.attempt, commitment), &step)
  }

  private func isExpected(_ commitment: Commitment, of task: TaskHistory) -> Bool {
    switch commitment {
    case .restorePoint(let summary):
      history.type != .restore && summary.id == RestorePointID(task: task.id)
        && summary.virtualMachine == task.object.virtualMachine
        && summary.repository == history.job.settings.repository
    case .restoredDisks(let target, _):
      history.type == .restore && target == history.job.settings.restore?.targetDirectory
    }
  }

  /// The committed attempt has made its work visible; what is left to do is to remove its checkpoint.
  mutating func notePublished(_ report: AttemptReport, _ step: inout Step) {
    let ordinal = report.attempt.task.ordinal
    guard report.isPublished, let commit = history.task(ordinal)?.commit,
      commit.attempt == report.attempt.number
    else { return }
    if !commit.isPublished {
      record(.published(task: ordinal, attempt: commit.attempt), &step)
    }
    requestRemoval(ofAttempt: report.attempt, &step)
  }
}
