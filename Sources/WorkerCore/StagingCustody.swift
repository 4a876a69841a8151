internal import BackupModel

/// What an attempt owes for the data it staged.
///
///     none ──open──▶ held ──begin discarding──▶ discarding ──done──▶ gone
///                     │                           ▲    │ failed
///                     │ published        try again│    ▼
///                     └──────▶ gone               waiting ──handed over──▶ left
enum StagingCustody: Hashable, Sendable {
  /// Nothing was written. Can move to: held.
  case none
  /// Can move to: discarding, gone (by publication), left.
  case held
  /// Can move to: gone, waiting.
  case discarding(tries: Int)
  /// Can move to: discarding, left.
  case waiting(Retry)
  /// Published or discarded. Terminal.
  case gone
  /// Left to the coordinator, which knows that it exists. Terminal.
  case left

  /// Whether nothing is owed here any more.
  var isSettled: Bool {
    switch self {
    case .none, .gone, .left: true
    case .held, .discarding, .waiting: false
    }
  }

  /// When the next try is due. Nil: none is waited for.
  var nextTry: Timestamp? {
    guard case .waiting(let retry) = self else { return nil }
    return retry.next
  }

  /// Nil: nothing to do now.
  mutating func beginDiscarding() -> AttemptStep? {
    guard case .held = self else { return nil }
    self = .discarding(tries: 1)
    return .discardStaging
  }

  /// Tries again if the time has come.
  mutating func retry(at now: Timestamp) -> AttemptStep? {
    guard case .waiting(let retry) = self, retry.next <= now else { return nil }
    self = .discarding(tries: retry.tries + 1)
    return .discardStaging
  }

  mutating func discarded() {
    guard case .discarding = self else {
      preconditionFailure("staging was discarded in custody \(self)")
    }
    self = .gone
  }

  mutating func discardFailed(message: String, at now: Timestamp) {
    guard case .discarding(let tries) = self else {
      preconditionFailure("discarding failed in staging custody \(self)")
    }
    self = .waiting(Retry(afterTries: tries, message: message, at: now))
  }

  /// Gives up between two tries: the coordinator takes over.
  mutating func handOver() {
    if case .waiting = self { self = .left }
  }
}
