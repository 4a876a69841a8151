internal import BackupModel

extension SessionStateMachine {
  func acknowledgementDeadline(_ task: TaskHistory) -> Timestamp? {
    guard task.state == .assigned, let lease = task.current else { return nil }
    return bound(configuration.acknowledgementBound, from: lease.assigned)
  }

  /// Until when a canceled attempt may unwind; while it removes its checkpoint, as long as that may take.
  func unwindingDeadline(_ task: TaskHistory) -> Timestamp? {
    guard let since = history.stop?.immediateSince, task.isCancelable, task.current != nil else {
      return nil
    }
    let deadline = bound(configuration.unwindingBound, from: since)
    guard live[task.ordinal]?.phase == .removingCheckpoint else { return deadline }
    return max(deadline, removalDeadline(task) ?? deadline)
  }

  /// Until when the attempt in force may try to remove its own checkpoint.
  func removalDeadline(_ task: TaskHistory) -> Timestamp? {
    guard let attempt = task.currentAttempt, live[task.ordinal]?.isOver != true,
      let entry = history.ledger[CheckpointName(attempt: attempt)], entry.state != .removed,
      let requested = entry.requested
    else { return nil }
    return bound(configuration.cleanupBound, from: requested)
  }

  /// Until when an immediate stop waits for a commit that stood before it to be published and cleaned up.
  func publicationDeadline(_ task: TaskHistory) -> Timestamp? {
    guard let since = history.stop?.immediateSince, let commit = task.commit,
      task.state == .processing
    else { return nil }
    let isRemoving = commit.isPublished && !task.openCheckpoints.isEmpty
    return bound(
      isRemoving ? configuration.cleanupBound : configuration.unwindingBound, from: since)
  }

  /// Until when the session's end waits for each thing that is still to be removed.
  var waitsBeforeStopped: [Timestamp] {
    let checkpoints = history.openEntries.compactMap { entry -> Timestamp? in
      guard entry.state == .removalRequested, let requested = entry.requested else { return nil }
      return bound(configuration.cleanupBound, from: requested)
    }
    let stagings = history.tasks.flatMap(\.stagings).compactMap { staging in
      staging.owedSince.map { bound(configuration.cleanupBound, from: $0) }
    }
    return checkpoints + stagings
  }

  /// The next time at which something happens without anyone's word.
  func earliestDeadline(after now: Timestamp) -> Timestamp? {
    var times: [Timestamp] = []
    if let stop = history.stop, stop.immediateSince == nil, history.state != .stopped {
      times += [stop.request.deadline].compactMap { $0 }
    }
    for task in history.tasks where !task.state.isTerminal {
      times += [
        acknowledgementDeadline(task), unwindingDeadline(task), removalDeadline(task),
        publicationDeadline(task), leftoverDeadline(task),
      ].compactMap { $0 }
    }
    if history.state != .stopped { times += waitsBeforeStopped }
    for (duty, _, _) in owedDuties {
      if let progress = duties[duty.key], progress.holder != nil {
        times.append(progress.since.advanced(by: configuration.dutyBound))
      } else {
        times.append(dueTime(duty))
      }
    }
    return times.filter { $0 > now }.min()
  }
}
