internal import BackupModel

extension AttemptStateMachine {
  /// An immediate stop: cut the transfer, remove the checkpoint, discard the staging, report the end.
  ///
  /// It has no effect once the commit was given: that is durable.
  package mutating func cancel() -> [AttemptStep] {
    var steps: [AttemptStep] = []
    switch state {
    case .awaitingPermit: unwind(as: .canceled)
    case .assigned, .creatingCheckpoint, .transferring, .staging: stop(as: .canceled, &steps)
    case .publishing, .waitingToPublish, .finishing: break
    case .unwinding, .ended: break  // It ends already, for an earlier reason.
    }
    cleanUp(&steps)
    return steps
  }

  /// The attempt is stale: as ``cancel()``, and what can't be cleaned up now is the coordinator's.
  package mutating func abandon() -> [AttemptStep] {
    var steps: [AttemptStep] = []
    switch state {
    case .awaitingPermit: unwind(as: .canceled)
    case .assigned, .creatingCheckpoint, .transferring, .staging: stop(as: .canceled, &steps)
    case .publishing(let commitment, let tries, _):
      state = .publishing(commitment, tries: tries, isAbandoned: true)
    case .waitingToPublish(_, let retry): leaveToAnother(retry.message)
    case .finishing, .unwinding, .ended: break
    }
    handOver()
    cleanUp(&steps)
    return steps
  }

  /// The worker may not go on: its lease ran out, or it shuts down.
  ///
  /// What waits for a permit is parked, not discarded: the coordinator may have committed it without our hearing.
  package mutating func interrupt(reason: String) -> [AttemptStep] {
    var steps: [AttemptStep] = []
    switch state {
    case .awaitingPermit(let commitment, _):
      state = .awaitingPermit(commitment, isParked: true)
    case .assigned, .creatingCheckpoint, .transferring, .staging:
      stop(as: .failed(message: reason, isRetryable: true), &steps)
    case .publishing, .waitingToPublish, .finishing, .unwinding, .ended: break
    }
    cleanUp(&steps)
    return steps
  }

  /// The attempt's end is recorded. True: forget it.
  ///
  /// While clean-up still fails, it is the coordinator's from now on.
  package mutating func release() -> (isForgotten: Bool, steps: [AttemptStep]) {
    var steps: [AttemptStep] = []
    handOver()
    cleanUp(&steps)
    return (isEnded, steps)
  }

  /// Ends what runs, if anything does, and begins to unwind.
  private mutating func stop(as outcome: AttemptOutcome, _ steps: inout [AttemptStep]) {
    switch state {
    case .creatingCheckpoint: unwind(as: outcome, after: .creatingCheckpoint)
    case .transferring:
      steps.take(.cutTransfer)
      unwind(as: outcome, after: .transferring)
    case .staging: unwind(as: outcome, after: .finalizing)
    case .assigned, .awaitingPermit, .publishing, .waitingToPublish, .finishing, .unwinding,
      .ended:
      unwind(as: outcome)
    }
  }

  private mutating func handOver() {
    if case .unwinding(var unwinding) = state {
      unwinding.isHandedOver = true
      state = .unwinding(unwinding)
    }
    switch state {
    case .finishing, .unwinding: checkpoint.handOver()
    case .assigned, .creatingCheckpoint, .transferring, .staging, .awaitingPermit, .publishing,
      .waitingToPublish, .ended:
      break
    }
  }
}
