internal import BackupModel

extension AttemptStateMachine {
  mutating func unwind(_ failure: StepFailure) {
    unwind(as: .failed(message: failure.message, isRetryable: failure.isRetryable))
  }

  mutating func unwind(as outcome: AttemptOutcome, after running: TaskPhase? = nil) {
    state = .unwinding(Unwinding(outcome: outcome, waitingFor: running))
  }

  /// The step that an unwinding attempt waited for has ended.
  mutating func stopWaiting() {
    guard case .unwinding(var unwinding) = state, unwinding.waitingFor != nil else {
      preconditionFailure("a step ended in \(state), which waits for none")
    }
    unwinding.waitingFor = nil
    state = .unwinding(unwinding)
  }

  /// Takes the next steps of the clean-up: the checkpoint first, then what was staged, then the end. A checkpoint
  /// that can't be removed now does not hold back the discarding.
  mutating func cleanUp(_ steps: inout [AttemptStep]) {
    switch state {
    case .awaitingPermit(_, isParked: true):
      steps.take(checkpoint.beginRemoval())
    case .finishing(let commitment):
      steps.take(checkpoint.beginRemoval())
      if checkpoint.isSettled { end(.succeeded, published: commitment) }
    case .unwinding(let unwinding) where unwinding.waitingFor == nil:
      if unwinding.isHandedOver {
        checkpoint.handOver()
        staging.handOver()
      }
      steps.take(checkpoint.beginRemoval())
      if checkpoint.isTried { steps.take(staging.beginDiscarding()) }
      if checkpoint.isSettled, staging.isSettled {
        end(unwinding.outcome, published: nil)
      }
    case .assigned, .creatingCheckpoint, .transferring, .staging, .awaitingPermit, .publishing,
      .waitingToPublish, .unwinding, .ended:
      break
    }
  }

  private mutating func end(_ outcome: AttemptOutcome, published: Commitment?) {
    state = .ended(outcome, published: published)
  }
}
