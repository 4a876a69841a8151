internal import BackupModel

extension SessionStateMachine {
  /// The tasks that want a worker now, in order, until `choose` finds none where order forbids to pass on.
  ///
  /// An unstarted VM is only assigned once every VM before it has started or is terminal, so that starts can't
  /// overtake each other on their way through the workers; `bestEffort` passes over VMs that `choose` has no
  /// worker for (R14).
  mutating func assign(_ step: inout Step, choose: (TaskHistory) -> (WorkerID, HostID)?) {
    guard mayAssign else { return }
    var room = history.job.settings.parallelism - history.tasks.count(where: \.isUnderWay)
    for task in history.tasks where task.state == .pending || task.state == .assigned {
      guard task.state == .pending else {
        if task.hasStarted { continue }
        break
      }
      guard room > 0 else { break }
      if task.hasStarted ? isHeldByLeftovers(task, at: step.now) : history.stop != nil { continue }
      guard let (worker, host) = choose(task),
        let specification = specification(task.attempt(task.lastAttempt + 1))
      else {
        if task.hasStarted || history.job.settings.order == .bestEffort { continue }
        break
      }
      room -= 1
      if history.state != .working && history.state != .stopping {
        record(.stateChanged(.working), &step)
      }
      let number = task.lastAttempt + 1
      record(
        .taskAssigned(task: task.ordinal, attempt: number, worker: worker, host: host), &step)
      live[task.ordinal] = LiveAttempt(attempt: number)
      step.tell(worker, .assign(specification))
      if !task.hasStarted { break }
    }
    if history.state == .starting { record(.stateChanged(.waitingSlot), &step) }
  }

  private var mayAssign: Bool {
    guard !history.isStoppingImmediately else { return false }
    switch history.state {
    case .starting, .waitingSlot, .working, .stopping: return true
    case .postprocessing, .stopped: return false
    }
  }

  /// Whether the next attempt has to wait until the previous one's checkpoint is gone; bounded (semantics.md §7).
  func isHeldByLeftovers(_ task: TaskHistory, at now: Timestamp) -> Bool {
    leftoverDeadline(task).map { now < $0 } ?? false
  }

  /// Until when the task's next attempt waits for leftovers. Nil: there are none.
  func leftoverDeadline(_ task: TaskHistory) -> Timestamp? {
    history.entries(of: task).compactMap { entry in
      entry.requested.map { bound(configuration.cleanupBound, from: $0) }
    }.max()
  }
}
