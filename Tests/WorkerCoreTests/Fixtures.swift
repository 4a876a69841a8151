import BackupModel

@testable import WorkerCore

let session = SessionID(rawValue: "s1")
let start = Timestamp(nanosecondsSinceEpoch: 0)

func seconds(_ count: Int) -> Timestamp { start.advanced(by: .seconds(count)) }

func attemptID(_ ordinal: Int = 1, _ number: Int = 1) -> AttemptID {
  AttemptID(task: TaskID(session: session, ordinal: ordinal), number: number)
}

func specification(_ ordinal: Int = 1, _ number: Int = 1, type: JobType = .vmBackup)
  -> TaskSpecification
{
  TaskSpecification(
    attempt: attemptID(ordinal, number), job: JobID(rawValue: "nightly"), type: type,
    object: JobObject(
      virtualMachine: VirtualMachineID(rawValue: "vm\(ordinal)"), hypervisor: "disk-images"),
    repository: RepositoryID(rawValue: "main"), repositoryPath: "/repository",
    sessionStarted: start)
}

let commitment = Commitment.restorePoint(
  RestorePointSummary(
    id: RestorePointID(task: attemptID().task), virtualMachine: VirtualMachineID(rawValue: "vm1"),
    repository: RepositoryID(rawValue: "main"), manifestDigest: "d1", logicalBytes: 1,
    storedBytes: 1))

let failure = StepFailure("broken", isRetryable: true)

/// A point that an attempt can be at, and how it gets there from the one before.
enum Point: String, CaseIterable {
  case assigned, creatingCheckpoint, transferring, staging, awaitingPermit, parked, publishing
  case publishingAbandoned, waitingToPublish, finishing, finishingWaits, ended
  case unwindingCreation, unwindingTransfer, unwindingStaging
  case removing, verifying, removalWaits, discarding, discardWaits, canceled

  func reach(type: JobType = .vmBackup) -> AttemptStateMachine {
    var attempt = AttemptStateMachine(specification(type: type))
    func step(_ result: StepResult) { _ = attempt.stepEnded(result, at: start) }
    func forward(to other: Point) { attempt = other.reach(type: type) }
    switch self {
    case .assigned: break
    case .creatingCheckpoint: _ = attempt.proceed()
    case .transferring:
      _ = attempt.proceed()
      if type != .restore { step(.checkpointCreated) }
    case .staging:
      forward(to: .transferring)
      step(.transferred)
    case .awaitingPermit:
      forward(to: .staging)
      step(.staged(commitment))
    case .parked:
      forward(to: .awaitingPermit)
      _ = attempt.interrupt(reason: "lease")
    case .publishing:
      forward(to: .awaitingPermit)
      _ = attempt.commit()
    case .publishingAbandoned:
      forward(to: .publishing)
      _ = attempt.abandon()
    case .waitingToPublish:
      forward(to: .publishing)
      step(.publishFailed(failure))
    case .finishing:
      forward(to: .publishing)
      step(.published)
    case .finishingWaits:
      forward(to: .finishing)
      step(.removalFailed(message: "busy"))
    case .ended:
      forward(to: .finishing)
      step(.checkpointRemoved)
      step(.removalVerified)
    case .unwindingCreation:
      forward(to: .creatingCheckpoint)
      _ = attempt.cancel()
    case .unwindingTransfer:
      forward(to: .transferring)
      _ = attempt.cancel()
    case .unwindingStaging:
      forward(to: .staging)
      _ = attempt.cancel()
    case .removing:
      forward(to: .unwindingTransfer)
      step(.transferCut)
    case .verifying:
      forward(to: .removing)
      step(.checkpointRemoved)
    case .removalWaits:
      forward(to: .removing)
      step(.removalFailed(message: "busy"))
      step(.stagingDiscarded)
    case .discarding:
      forward(to: .verifying)
      step(.removalVerified)
    case .discardWaits:
      forward(to: .discarding)
      step(.discardFailed(message: "read-only"))
    case .canceled:
      forward(to: .discarding)
      step(.stagingDiscarded)
    }
    return attempt
  }
}

/// Everything but the ends of steps that can happen to an attempt.
enum Order: String, CaseIterable {
  case proceed, commit, cancel, abandon, interrupt, release, timePassed

  func give(to attempt: inout AttemptStateMachine) -> [AttemptStep] {
    switch self {
    case .proceed: attempt.proceed()
    case .commit: attempt.commit()
    case .cancel: attempt.cancel()
    case .abandon: attempt.abandon()
    case .interrupt: attempt.interrupt(reason: "lease")
    case .release: attempt.release().steps
    case .timePassed: attempt.timePassed(at: seconds(100))
    }
  }
}

/// The name of the state alone, with what tells two of its forms apart.
func name(_ attempt: AttemptStateMachine) -> String {
  switch attempt.state {
  case .assigned: "assigned"
  case .creatingCheckpoint: "creatingCheckpoint"
  case .transferring: "transferring"
  case .staging: "staging"
  case .awaitingPermit(_, let isParked): isParked ? "parked" : "awaitingPermit"
  case .publishing(_, _, let isAbandoned): isAbandoned ? "publishingAbandoned" : "publishing"
  case .waitingToPublish: "waitingToPublish"
  case .finishing: "finishing"
  case .unwinding(let unwinding): "unwinding" + (unwinding.isHandedOver ? "HandedOver" : "")
  case .ended(let outcome, _):
    switch outcome {
    case .succeeded: "ended succeeded"
    case .canceled: "ended canceled"
    case .failed(_, let isRetryable): "ended failed" + (isRetryable ? ", retryable" : "")
    }
  }
}

func name(_ step: AttemptStep) -> String {
  switch step {
  case .publish: "publish"
  case .createCheckpoint, .transfer, .cutTransfer, .stage, .discardStaging, .removeCheckpoint,
    .verifyRemoval:
    "\(step)"
  }
}
