internal import BackupModel

extension SessionStateMachine {
  /// Decides a request to stop this session: the whole matrix of semantics.md §5.
  mutating func stop(_ order: StopOrder, _ step: inout Step) -> Result<StopOutcome, Refusal> {
    if history.state == .stopped { return .success(.alreadyStopped) }
    let deadline = order.deadline?.time(from: step.now)
    if let refusal = refusal(of: order, deadline, at: step.now) { return .failure(refusal) }
    guard let existing = history.stop else {
      accept(order, deadline, &step)
      return .success(.accepted)
    }
    switch (existing.request.mode, order.mode) {
    case (.immediate, .immediate): return .success(.repeated)
    case (.immediate, .graceful): return .failure(.immediateStopInProgress(id))
    case (.graceful, .immediate):
      escalate(.user(order.requester), &step)
      return .success(.escalated)
    case (.graceful, .graceful):
      return .success(tighten(existing.request.deadline, to: deadline, &step))
    }
  }

  private func refusal(of order: StopOrder, _ deadline: Timestamp?, at now: Timestamp) -> Refusal? {
    if let given = order.ifSequence, given != history.sequence {
      return .sequenceChanged(given: given, current: history.sequence)
    }
    if let deadline {
      if order.mode == .immediate { return .deadlineNotAllowed }
      if deadline <= now { return .deadlineInPast(deadline) }
    }
    if order.mode == .graceful && !history.type.allowsGracefulStop {
      return .gracefulStopNotSupported(history.type)
    }
    return nil
  }

  private mutating func accept(_ order: StopOrder, _ deadline: Timestamp?, _ step: inout Step) {
    let inProcess = history.tasks.filter { $0.hasStarted && !$0.state.isTerminal }
    let request = StopRequest(
      id: StopRequestID(rawValue: "stop-1"), mode: order.mode, requester: order.requester,
      accepted: step.now, deadline: deadline,
      stopSet: order.mode == .graceful ? inProcess.map(\.ordinal) : [])
    record(.stopAccepted(request), &step)
    record(.stateChanged(.stopping), &step)
    if order.mode == .immediate { cutWhatIsInProcess(&step) }
    skipWhatHasNotStarted(&step)
  }

  /// A graceful stop turns into an immediate one.
  mutating func escalate(_ cause: EscalationCause, _ step: inout Step) {
    let canceled = history.tasks.filter { $0.isCancelable }.map(\.ordinal)
    record(.stopEscalated(cause, canceled: canceled), &step)
    cutWhatIsInProcess(&step)
  }

  /// The deadline of a graceful stop escalates it by itself, whatever it waits for then (semantics.md §5).
  mutating func escalateIfDue(_ step: inout Step) {
    guard let stop = history.stop, stop.immediateSince == nil, history.state != .stopped,
      let deadline = stop.request.deadline, deadline <= step.now
    else { return }
    escalate(.deadline(deadline), &step)
  }

  private mutating func tighten(
    _ current: Timestamp?, to deadline: Timestamp?, _ step: inout Step
  ) -> StopOutcome {
    switch (current, deadline) {
    case (nil, nil): return .repeated
    case (.some, nil): return .repeated
    case (let current?, let deadline?) where deadline == current: return .repeated
    case (let current?, let deadline?) where deadline > current: return .laterDeadlineIgnored
    case (_, let deadline?):
      record(.stopDeadlineTightened(deadline), &step)
      return .deadlineTightened
    }
  }

  /// An immediate stop: every VM in process without a commit is canceled; the transfer is cut first, then its
  /// checkpoint goes (R8). A VM between two attempts has nothing to unwind.
  private mutating func cutWhatIsInProcess(_ step: inout Step) {
    for task in history.tasks where task.isCancelable {
      if let lease = task.current, lease.started != nil {
        requestRemoval(ofAttempt: task.attempt(lease.attempt), &step)
        step.tell(lease.worker, .cancel(task.attempt(lease.attempt)))
      } else {
        if let lease = task.current {
          step.tell(lease.worker, .abandon(task.attempt(lease.attempt)))
        }
        endCanceled(task.ordinal, &step)
      }
    }
  }

  private mutating func skipWhatHasNotStarted(_ step: inout Step) {
    for task in history.tasks where !task.hasStarted && !task.state.isTerminal {
      if let lease = task.current {
        step.tell(lease.worker, .abandon(task.attempt(lease.attempt)))
      }
      endTask(task.ordinal, .skipped, Message.notProcessed, &step)
    }
  }
}

extension TaskHistory {
  /// In process, and without a commit: what an immediate stop cancels.
  var isCancelable: Bool { hasStarted && !state.isTerminal && commit == nil }
}
