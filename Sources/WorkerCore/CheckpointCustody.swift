internal import BackupModel

/// What an attempt owes for its checkpoint, and how far the removal has come.
///
///     none ──begin creation──▶ expected ──created──▶ held
///                                 │                    │ begin removal
///                                 └────────▶ removing ◀┴──────── waiting ──handed over──▶ left
///                                               │  ▲ try again      ▲
///                                     removed   ▼  │                │ failed
///                                           verifying ──────────────┘
///                                               │ verified
///                                               ▼
///                                            removed
struct CheckpointCustody: Hashable, Sendable {
  enum State: Hashable, Sendable {
    /// None was asked for. Can move to: expected.
    case none
    /// Being created, or its creation failed: it may be there. Can move to: held, removing.
    case expected
    /// Can move to: removing.
    case held
    /// Can move to: verifying, waiting.
    case removing(tries: Int)
    /// Removal was reported done; the hypervisor's list is asked. Can move to: removed, waiting.
    case verifying(tries: Int)
    /// A try failed. Can move to: removing, left.
    case waiting(Retry)
    /// Gone, verified. Terminal.
    case removed
    /// Left to the coordinator, which has it in the ledger. Terminal.
    case left
  }

  private(set) var state = State.none
  /// As the coordinator is told.
  private(set) var reported = AttemptReport.Checkpoint.none

  /// Whether nothing is owed here any more.
  var isSettled: Bool {
    switch state {
    case .none, .removed, .left: true
    case .expected, .held, .removing, .verifying, .waiting: false
    }
  }

  /// Whether removal was tried at least once, or is not needed: staged data may be discarded.
  var isTried: Bool {
    switch state {
    case .none, .removed, .left, .waiting: true
    case .removing(let tries), .verifying(let tries): tries > 1
    case .expected, .held: false
    }
  }

  /// When the next try is due. Nil: none is waited for.
  var nextTry: Timestamp? {
    guard case .waiting(let retry) = state else { return nil }
    return retry.next
  }

  mutating func expect() -> AttemptStep {
    state = .expected
    return .createCheckpoint
  }

  mutating func created() {
    state = .held
    reported = .created
  }

  /// Begins removing what is or may be there. Nil: nothing to do now.
  mutating func beginRemoval() -> AttemptStep? {
    switch state {
    case .expected, .held:
      state = .removing(tries: 1)
      return .removeCheckpoint
    case .none, .removing, .verifying, .waiting, .removed, .left: return nil
    }
  }

  /// Tries again if the time has come.
  mutating func retry(at now: Timestamp) -> AttemptStep? {
    guard case .waiting(let retry) = state, retry.next <= now else { return nil }
    state = .removing(tries: retry.tries + 1)
    return .removeCheckpoint
  }

  /// The removal was done: asks for the proof.
  mutating func removalDone() -> AttemptStep {
    guard case .removing(let tries) = state else {
      preconditionFailure("a checkpoint was removed in custody \(state)")
    }
    state = .verifying(tries: tries)
    return .verifyRemoval
  }

  mutating func verified() {
    guard case .verifying = state else {
      preconditionFailure("a checkpoint's removal was verified in custody \(state)")
    }
    state = .removed
    reported = .removed
  }

  mutating func removalFailed(message: String, at now: Timestamp) {
    switch state {
    case .removing(let tries), .verifying(let tries):
      state = .waiting(Retry(afterTries: tries, message: message, at: now))
      reported = .removalFailed(tries: tries, message: message)
    case .none, .expected, .held, .waiting, .removed, .left:
      preconditionFailure("a removal failed in custody \(state)")
    }
  }

  /// Gives up between two tries: the coordinator takes over.
  mutating func handOver() {
    if case .waiting = state { state = .left }
  }
}
