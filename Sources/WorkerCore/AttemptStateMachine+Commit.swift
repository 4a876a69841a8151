internal import BackupModel

extension AttemptStateMachine {
  /// The commit is durable: from here on nothing undoes it.
  package mutating func commit() -> [AttemptStep] {
    var steps: [AttemptStep] = []
    switch state {
    case .awaitingPermit(let commitment, _):
      state = .publishing(commitment, tries: 1, isAbandoned: false)
      steps.take(.publish(commitment))
    case .publishing, .waitingToPublish, .finishing:
      break  // A repeat: already under way.
    case .assigned, .creatingCheckpoint, .transferring, .staging, .unwinding, .ended:
      break  // Nothing of this attempt can be committed: its report says so.
    }
    return steps
  }

  mutating func published() {
    guard case .publishing(let commitment, _, _) = state else {
      preconditionFailure("a publication ended in \(state)")
    }
    staging = .gone
    state = .finishing(commitment)
  }

  mutating func publishFailed(_ failure: StepFailure, at now: Timestamp) {
    guard case .publishing(let commitment, let tries, let isAbandoned) = state else {
      preconditionFailure("a publication failed in \(state)")
    }
    if !failure.isRetryable {
      leaveCommitted(failure)
    } else if isAbandoned {
      leaveToAnother(failure.message)
    } else {
      state = .waitingToPublish(
        commitment, Retry(afterTries: tries, message: failure.message, at: now))
    }
  }

  /// Another worker publishes what is staged.
  mutating func leaveToAnother(_ message: String) {
    leaveCommitted(
      StepFailure("Publication was left to another worker: " + message, isRetryable: true))
  }

  /// What is staged stays where it is: only the coordinator may say that a commit is given up, once that is durable.
  private mutating func leaveCommitted(_ failure: StepFailure) {
    staging = .left
    unwind(failure)
  }
}
