import GRPC

/// When a client's names are looked up: when it is first needed, again when connections are lost or
/// fail, and never more often than once in `interval`, however often that is wished for.
///
/// After a lookup that failed, the next one comes by itself, after the delays of `ConnectionBackoff`.
struct ResolutionSchedule: Sendable {
  /// What to do.
  enum Step: Sendable, Hashable {
    case nothing
    /// Look up now, and tell `finished`.
    case resolve
    /// Tell `isDue` after this time.
    case wait(Duration)
  }

  private enum State {
    /// Can move to: resolving, waiting.
    case resting(last: ContinuousClock.Instant?)
    /// Can move to: resting, waiting.
    case resolving(since: ContinuousClock.Instant)
    /// Can move to: resolving, resting.
    case waiting
  }

  private let interval: Duration
  private let backoff: ConnectionBackoff
  private var state = State.resting(last: nil)
  private var failures = 0

  init(interval: Duration, backoff: ConnectionBackoff) {
    self.interval = interval
    self.backoff = backoff
  }

  /// Somebody wishes for a lookup.
  mutating func wish(at now: ContinuousClock.Instant) -> Step {
    switch state {
    case .resting(nil): return resolve(now)
    case .resting(let last?):
      let left = interval - last.duration(to: now)
      guard left > .zero else { return resolve(now) }
      state = .waiting
      return .wait(left)
    case .resolving, .waiting: return .nothing
    }
  }

  /// The time of `wait` has passed; when nobody wants to be connected any more, nothing is looked up
  /// until the next wish.
  mutating func isDue(at now: ContinuousClock.Instant, isWanted: Bool) -> Step {
    switch state {
    case .waiting:
      if isWanted { return resolve(now) }
      state = .resting(last: nil)
      return .nothing
    case .resting, .resolving: return .nothing
    }
  }

  /// A lookup has ended. `random` is within -1...1.
  mutating func finished(
    successfully: Bool, at now: ContinuousClock.Instant, random: Double
  ) -> Step {
    guard case .resolving(let since) = state else { return .nothing }
    guard !successfully else {
      failures = 0
      state = .resting(last: since)
      return .nothing
    }
    failures += 1
    state = .waiting
    return .wait(backoff.delay(afterFailures: failures, random: random))
  }

  private mutating func resolve(_ now: ContinuousClock.Instant) -> Step {
    state = .resolving(since: now)
    return .resolve
  }
}
