package import BackupModel

/// One attempt at one object on one worker: what comes next, and how to undo it at every point.
///
///     assigned ──proceed──▶ creatingCheckpoint ──created──▶ transferring ──transferred──▶ staging
///        │  └──proceed, a Restore─────────────────────────────▲ │                            │ staged
///        │                        │ failed, stopped             │ failed, stopped            ▼
///        │ stopped                ▼                             ▼    failed, stopped  awaitingPermit
///        │                     unwinding ◀──────────────────────┴───────────────────────┤    │ commit
///        ▼                        │                               canceled, abandoned   │    ▼
///      ended ◀── all settled ─────┘                                                     │ publishing ◀┐
///        ▲                                                        can never be published└────┤  ▲     │ failed
///        └───── checkpoint removed ────── finishing ◀──────── published ─────────────────────┘  └─ waitingToPublish
///
/// `stopped` is a cancel, an abandon, a lost lease or the worker's shutdown. After the commit there is no way back;
/// from `awaitingPermit` only the coordinator's word leads on, because the commit may be durable already.
package struct AttemptStateMachine: Hashable, Sendable {
  enum State: Hashable, Sendable {
    /// Acknowledged, nothing touched. Can move to: creatingCheckpoint, transferring, ended.
    case assigned
    /// Can move to: transferring, unwinding.
    case creatingCheckpoint
    /// Can move to: staging, unwinding.
    case transferring
    /// Can move to: awaitingPermit, unwinding.
    case staging
    /// All is durable. Parked: the checkpoint goes at once, the staged data waits for the coordinator's word.
    /// Can move to: publishing, unwinding.
    case awaitingPermit(Commitment, isParked: Bool)
    /// Can move to: finishing, waitingToPublish, unwinding, ended.
    case publishing(Commitment, tries: Int, isAbandoned: Bool)
    /// Can move to: publishing, unwinding.
    case waitingToPublish(Commitment, Retry)
    /// Published; the checkpoint goes. Can move to: ended.
    case finishing(Commitment)
    /// Nothing will be visible of it. `waitingFor`: the step that must end before anything is undone.
    /// Can move to: ended.
    case unwinding(Unwinding)
    /// Terminal. A commitment: it was published.
    case ended(AttemptOutcome, published: Commitment?)
  }

  struct Unwinding: Hashable, Sendable {
    let outcome: AttemptOutcome
    var waitingFor: TaskPhase?
    /// Clean-up that fails from now on is the coordinator's.
    var isHandedOver = false
  }

  package let specification: TaskSpecification
  var state = State.assigned
  var checkpoint = CheckpointCustody()
  var staging = StagingCustody.none
  private var progress = TaskProgress()

  package init(_ specification: TaskSpecification) { self.specification = specification }

  /// Takes the newest counters; none ever goes back.
  package mutating func advance(to newer: TaskProgress) {
    progress.totalBytes = max(progress.totalBytes, newer.totalBytes)
    progress.processedBytes = max(progress.processedBytes, newer.processedBytes)
    progress.readBytes = max(progress.readBytes, newer.readBytes)
    progress.storedBytes = max(progress.storedBytes, newer.storedBytes)
  }

  /// When ``timePassed(at:)`` is to be called. Nil: nothing is waited for but answers and directives.
  package var deadline: Timestamp? {
    var times = [checkpoint.nextTry, staging.nextTry].compactMap(\.self)
    if case .waitingToPublish(_, let retry) = state { times.append(retry.next) }
    return times.min()
  }

  /// Whether the attempt is over: it only waits to be released.
  package var isEnded: Bool {
    if case .ended = state { true } else { false }
  }

  /// Whether nothing is left to do without the coordinator: ended, or parked with the checkpoint gone.
  package var isAtRest: Bool {
    switch state {
    case .ended: true
    case .awaitingPermit(_, let isParked): isParked && checkpoint.isSettled
    case .assigned, .creatingCheckpoint, .transferring, .staging, .publishing, .waitingToPublish,
      .finishing, .unwinding:
      false
    }
  }

  /// All that the coordinator is to know.
  package var report: AttemptReport {
    var report = AttemptReport(
      attempt: specification.attempt, phase: phase, progress: progress,
      checkpoint: checkpoint.reported)
    switch state {
    case .assigned, .creatingCheckpoint, .transferring, .staging, .unwinding: break
    case .awaitingPermit(let commitment, _), .publishing(let commitment, _, _),
      .waitingToPublish(let commitment, _):
      report.readyToCommit = commitment
    case .finishing(let commitment):
      report.readyToCommit = commitment
      report.isPublished = true
    case .ended(let outcome, let published):
      report.readyToCommit = published
      report.isPublished = published != nil
      report.outcome = outcome
    }
    return report
  }

  private var phase: TaskPhase {
    switch state {
    case .assigned: .preparing
    case .creatingCheckpoint: .creatingCheckpoint
    case .transferring: .transferring
    case .staging, .awaitingPermit, .publishing, .waitingToPublish: .finalizing
    case .unwinding(let unwinding): unwinding.waitingFor ?? .removingCheckpoint
    case .finishing, .ended: .removingCheckpoint
    }
  }
}
