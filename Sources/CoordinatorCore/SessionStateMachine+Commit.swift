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

  /// The committed attempt has made its work visible, and what is left to do is to remove its checkpoint; or it says
  /// that nobody ever can.
  mutating func notePublication(_ report: AttemptReport, _ step: inout Step) {
    if report.isPublished {
      published(report.attempt, &step)
    } else if case .failed(let message, isRetryable: false) = report.outcome {
      publicationRefused(report.attempt, message, &step)
    }
  }

  /// A commit has become visible. No effect if that was known, or if it was given up before.
  mutating func published(_ attempt: AttemptID, _ step: inout Step) {
    let ordinal = attempt.task.ordinal
    guard let commit = history.task(ordinal)?.commit, commit.attempt == attempt.number else {
      return
    }
    if commit.isOwed { record(.published(task: ordinal, attempt: commit.attempt), &step) }
    requestRemoval(ofAttempt: attempt, &step)
  }

  /// A commit can never become visible: the task is FAILED, and what was staged is discarded from here on, not
  /// before: a staging that is gone means that it was published.
  mutating func publicationRefused(
    _ attempt: AttemptID, _ reason: String, _ step: inout Step
  ) {
    let ordinal = attempt.task.ordinal
    guard let task = history.task(ordinal), let commit = task.commit, commit.isOwed,
      commit.attempt == attempt.number
    else { return }
    let message =
      switch commit.commitment {
      case .restorePoint(let summary):
        Message.restorePointImpossible(of: summary.virtualMachine, error: reason)
      case .restoredDisks(let target, _): Message.restoreImpossible(to: target, error: reason)
      }
    record(
      .publicationFailed(task: ordinal, attempt: commit.attempt, message: message), &step)
    requestRemoval(ofAttempt: attempt, &step)
    if !task.state.isTerminal { endTask(ordinal, .failed, message, &step) }
  }
}
