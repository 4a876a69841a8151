internal import BackupModel

extension SessionStateMachine {
  /// Takes every step that is possible now without a worker's word: deadlines, bounds, ends. Safe to call at any time.
  mutating func advance(_ step: inout Step) {
    escalateIfDue(&step)
    failOverdueDuties(&step)
    for ordinal in history.tasks.filter(\.isUnderWay).map(\.ordinal) {
      boundAcknowledgement(ordinal, &step)
      boundUnwinding(ordinal, &step)
      boundCheckpointRemoval(ordinal, &step)
      endIfCommitted(ordinal, &step)
    }
    handOnLeftovers(&step)
    finishIfDone(&step)
  }

  /// A worker that does not take a task in time loses it to another.
  private mutating func boundAcknowledgement(_ ordinal: Int, _ step: inout Step) {
    guard let deadline = acknowledgementDeadline(history.tasks[ordinal - 1]),
      deadline <= step.now
    else { return }
    loseAttempt(ordinal, &step)
  }

  /// A worker that does not unwind after an immediate stop loses its lease and takes no new task for a while.
  private mutating func boundUnwinding(_ ordinal: Int, _ step: inout Step) {
    let task = history.tasks[ordinal - 1]
    guard let deadline = unwindingDeadline(task), deadline <= step.now, let lease = task.current
    else { return }
    step.quarantined.append(lease.worker)
    loseAttempt(ordinal, &step)
  }

  /// A worker that can't remove its checkpoint hands it on to the ledger's own tries.
  private mutating func boundCheckpointRemoval(_ ordinal: Int, _ step: inout Step) {
    let task = history.tasks[ordinal - 1]
    guard let deadline = removalDeadline(task), deadline <= step.now else { return }
    if task.commit != nil {
      live[ordinal]?.isHandedOn = true
    } else if let lease = task.current, !history.isStoppingImmediately {
      step.tell(lease.worker, .abandon(task.attempt(lease.attempt)))
      failAttempt(ordinal, "its checkpoint could not be removed in time", true, &step)
    }
  }

  /// A committed task ends when it is published and its checkpoint is gone, or when that took too long.
  private mutating func endIfCommitted(_ ordinal: Int, _ step: inout Step) {
    let task = history.tasks[ordinal - 1]
    guard task.state == .processing, let commit = task.commit else { return }
    let isOver = task.current == nil || live[ordinal]?.isOver == true
    let isPastItsTime = publicationDeadline(task).map { $0 <= step.now } ?? false
    guard commit.isPublished ? isOver || isPastItsTime : isPastItsTime else { return }
    requestRemoval(ofAttempt: task.attempt(commit.attempt), &step)
    let left = history.entries(of: history.tasks[ordinal - 1])
    if commit.isOwed {
      let message = Message.publicationPending(of: task.object.virtualMachine)
      endTask(ordinal, .warning, message, &step)
    } else if left.isEmpty {
      endTask(ordinal, .succeeded, "", &step)
    } else if isPastItsTime || left.allSatisfy({ isPastCleanup($0, at: step.now) }) {
      endTask(
        ordinal, .warning,
        Message.checkpointsLeft(left.count, operation: history.cleanupOperation), &step)
    }
  }

  /// Checkpoints whose attempt is over are to go.
  private mutating func handOnLeftovers(_ step: inout Step) {
    for entry in history.openEntries where entry.state == .intended || entry.state == .created {
      let attempt = entry.record.name.attempt
      if history.task(attempt.task.ordinal)?.currentAttempt != attempt {
        requestRemoval(ofAttempt: attempt, &step)
      }
    }
  }

  private mutating func finishIfDone(_ step: inout Step) {
    if history.state != .stopped {
      guard history.tasks.allSatisfy(\.state.isTerminal) else { return }
      if history.state != .stopping && history.state != .postprocessing {
        record(.stateChanged(.postprocessing), &step)
      }
      guard isClean(at: step.now) else { return }
      let (result, isCanceled, message) = verdict
      record(.sessionStopped(result, isCanceled: isCanceled, message: message), &step)
    }
    if history.owesNothing && !history.isSettled { record(.sessionSettled, &step) }
  }

  /// Whether the session need not wait for the removal of anything any more: gone, or handed on.
  private func isClean(at now: Timestamp) -> Bool {
    waitsBeforeStopped.allSatisfy { $0 <= now }
  }

  private func isPastCleanup(_ entry: SessionHistory.LedgerEntry, at now: Timestamp) -> Bool {
    guard entry.state != .actionRequired else { return true }
    return entry.requested.map { bound(configuration.cleanupBound, from: $0) <= now } ?? false
  }

  /// The session's result, its `canceled` and its message (semantics.md §2, first match).
  private var verdict: (SessionResult, isCanceled: Bool, String) {
    if let stop = history.stop {
      if stop.immediateSince != nil || !stop.foundStartedTasks {
        return (.failed, true, Message.canceledByUser)
      }
      let done = Message.gracefulStopDone(
        done: history.tasksDone, total: history.tasks.count,
        skipped: history.tasks.count { $0.state == .skipped })
      return (resultOfTasks, false, done)
    }
    let problem = history.tasks.first { $0.state == .failed || $0.state == .warning }
    return (resultOfTasks, false, problem?.message ?? "")
  }

  private var resultOfTasks: SessionResult {
    if history.tasks.contains(where: { $0.state == .failed }) { return .failed }
    return history.tasks.allSatisfy { $0.state == .succeeded } ? .success : .warning
  }
}

extension SessionHistory {
  /// The name under which what is still to be removed can be watched.
  package var cleanupOperation: String { "jobs/\(job.id)/sessions/\(id)/operations/cleanup" }
}
