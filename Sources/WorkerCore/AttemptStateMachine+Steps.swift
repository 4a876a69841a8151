package import BackupModel

extension AttemptStateMachine {
  /// The coordinator has the start, and the checkpoint's intent, durable.
  package mutating func proceed() -> Effects {
    var effects = Effects()
    guard case .assigned = state else { return effects }  // A repeat: already under way.
    if specification.type == .restore {
      beginTransfer(&effects)
    } else {
      state = .creatingCheckpoint
      effects.run(checkpoint.expect())
    }
    effects.isReportDue = true
    return effects
  }

  /// Takes the end of a step that was given.
  package mutating func stepEnded(_ result: StepResult, at now: Timestamp) -> Effects {
    var effects = Effects()
    switch result {
    case .checkpointCreated, .checkpointFailed: creationEnded(result, &effects)
    case .transferred, .transferFailed, .transferCut: transferEnded(result, &effects)
    case .staged, .stagingFailed: stagingEnded(result, &effects)
    case .published: published(&effects)
    case .publishFailed(let failure): publishFailed(failure, at: now, &effects)
    case .stagingDiscarded: staging.discarded()
    case .discardFailed(let message): staging.discardFailed(message: message, at: now)
    case .checkpointRemoved: effects.run(checkpoint.removalDone())
    case .removalVerified:
      checkpoint.verified()
      effects.isReportDue = true
    case .removalFailed(let message):
      checkpoint.removalFailed(message: message, at: now)
      effects.isReportDue = true
    }
    cleanUp(&effects)
    return effects
  }

  /// Tries again what waited for this time.
  package mutating func timePassed(at now: Timestamp) -> Effects {
    var effects = Effects()
    effects.run(checkpoint.retry(at: now))
    effects.run(staging.retry(at: now))
    if case .waitingToPublish(let commitment, let retry) = state, retry.next <= now {
      state = .publishing(commitment, tries: retry.tries + 1, isAbandoned: false)
      effects.run(.publish(commitment))
    }
    return effects
  }

  private mutating func beginTransfer(_ effects: inout Effects) {
    staging = .held
    state = .transferring
    effects.run(.transfer)
    effects.isReportDue = true
  }

  private mutating func creationEnded(_ result: StepResult, _ effects: inout Effects) {
    if case .checkpointCreated = result { checkpoint.created() }
    effects.isReportDue = true
    switch state {
    case .creatingCheckpoint:
      switch result {
      case .checkpointFailed(let failure): unwind(failure)
      default: beginTransfer(&effects)
      }
    case .unwinding: stopWaiting()
    case .assigned, .transferring, .staging, .awaitingPermit, .publishing, .waitingToPublish,
      .finishing, .ended:
      preconditionFailure("a checkpoint's creation ended in \(state)")
    }
  }

  private mutating func transferEnded(_ result: StepResult, _ effects: inout Effects) {
    switch state {
    case .transferring:
      switch result {
      case .transferFailed(let failure): unwind(failure)
      case .transferCut:
        unwind(StepFailure("The transfer was cut by the worker", isRetryable: true))
      default:
        state = .staging
        effects.run(.stage)
      }
      effects.isReportDue = true
    case .unwinding: stopWaiting()
    case .assigned, .creatingCheckpoint, .staging, .awaitingPermit, .publishing,
      .waitingToPublish, .finishing, .ended:
      preconditionFailure("a transfer ended in \(state)")
    }
  }

  private mutating func stagingEnded(_ result: StepResult, _ effects: inout Effects) {
    switch state {
    case .staging:
      switch result {
      case .staged(let commitment): state = .awaitingPermit(commitment, isParked: false)
      case .stagingFailed(let failure): unwind(failure)
      default: break
      }
      effects.isReportDue = true
    case .unwinding: stopWaiting()
    case .assigned, .creatingCheckpoint, .transferring, .awaitingPermit, .publishing,
      .waitingToPublish, .finishing, .ended:
      preconditionFailure("staging ended in \(state)")
    }
  }
}
