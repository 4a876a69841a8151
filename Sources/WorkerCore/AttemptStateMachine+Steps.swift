package import BackupModel

extension AttemptStateMachine {
  /// The coordinator has the start, and the checkpoint's intent, durable.
  package mutating func proceed() -> [AttemptStep] {
    var steps: [AttemptStep] = []
    guard case .assigned = state else { return steps }  // A repeat: already under way.
    if specification.type == .restore {
      beginTransfer(&steps)
    } else {
      state = .creatingCheckpoint
      steps.take(checkpoint.expect())
    }
    return steps
  }

  /// Takes the end of a step that was given.
  package mutating func stepEnded(_ result: StepResult, at now: Timestamp) -> [AttemptStep] {
    var steps: [AttemptStep] = []
    switch result {
    case .checkpointCreated, .checkpointFailed: creationEnded(result, &steps)
    case .transferred, .transferFailed, .transferCut: transferEnded(result, &steps)
    case .staged, .stagingFailed: stagingEnded(result, &steps)
    case .published: published()
    case .publishFailed(let failure): publishFailed(failure, at: now)
    case .stagingDiscarded: staging.discarded()
    case .discardFailed(let message): staging.discardFailed(message: message, at: now)
    case .checkpointRemoved: steps.take(checkpoint.removalDone())
    case .removalVerified:
      checkpoint.verified()
    case .removalFailed(let message):
      checkpoint.removalFailed(message: message, at: now)
    }
    cleanUp(&steps)
    return steps
  }

  /// Tries again what waited for this time.
  package mutating func timePassed(at now: Timestamp) -> [AttemptStep] {
    var steps: [AttemptStep] = []
    steps.take(checkpoint.retry(at: now))
    steps.take(staging.retry(at: now))
    if case .waitingToPublish(let commitment, let retry) = state, retry.next <= now {
      state = .publishing(commitment, tries: retry.tries + 1, isAbandoned: false)
      steps.take(.publish(commitment))
    }
    return steps
  }

  private mutating func beginTransfer(_ steps: inout [AttemptStep]) {
    staging = .held
    state = .transferring
    steps.take(.transfer)
  }

  private mutating func creationEnded(_ result: StepResult, _ steps: inout [AttemptStep]) {
    if case .checkpointCreated = result { checkpoint.created() }
    switch state {
    case .creatingCheckpoint:
      switch result {
      case .checkpointFailed(let failure): unwind(failure)
      default: beginTransfer(&steps)
      }
    case .unwinding: stopWaiting()
    case .assigned, .transferring, .staging, .awaitingPermit, .publishing, .waitingToPublish,
      .finishing, .ended:
      preconditionFailure("a checkpoint's creation ended in \(state)")
    }
  }

  private mutating func transferEnded(_ result: StepResult, _ steps: inout [AttemptStep]) {
    switch state {
    case .transferring:
      switch result {
      case .transferFailed(let failure): unwind(failure)
      case .transferCut:
        unwind(StepFailure("The transfer was cut by the worker", isRetryable: true))
      default:
        state = .staging
        steps.take(.stage)
      }
    case .unwinding: stopWaiting()
    case .assigned, .creatingCheckpoint, .staging, .awaitingPermit, .publishing,
      .waitingToPublish, .finishing, .ended:
      preconditionFailure("a transfer ended in \(state)")
    }
  }

  private mutating func stagingEnded(_ result: StepResult, _ steps: inout [AttemptStep]) {
    switch state {
    case .staging:
      switch result {
      case .staged(let commitment): state = .awaitingPermit(commitment, isParked: false)
      case .stagingFailed(let failure): unwind(failure)
      default: break
      }
    case .unwinding: stopWaiting()
    case .assigned, .creatingCheckpoint, .transferring, .awaitingPermit, .publishing,
      .waitingToPublish, .finishing, .ended:
      preconditionFailure("staging ended in \(state)")
    }
  }
}
