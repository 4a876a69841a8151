import GRPC

/// What is known of the way to one address, with its backoff.
///
/// ```
///            connect              established
/// idle ───────────────▶ connecting ──────────▶ ready ──lost──▶ idle
///  ▲                        │ failed
///  └──backoffIsOver── backingOff
/// any ──shutDown──▶ shutdown
/// ```
struct SubchannelState: Sendable {
  private enum State {
    /// Can move to: connecting, shutdown.
    case idle
    /// Can move to: ready, backingOff, idle (the attempt is not wanted any more), shutdown.
    case connecting(since: ContinuousClock.Instant)
    /// Can move to: idle, shutdown.
    case ready
    /// Can move to: idle, shutdown.
    case backingOff
    /// Can move to: nothing.
    case shutdown
  }

  private let backoff: ConnectionBackoff
  private var state = State.idle
  /// Attempts that failed since the last one that succeeded.
  private(set) var failures = 0

  init(_ backoff: ConnectionBackoff) { self.backoff = backoff }

  /// What a balancing policy sees.
  var connectivity: ConnectivityState {
    switch state {
    case .idle: .idle
    case .connecting: .connecting
    case .ready: .ready
    case .backingOff: .transientFailure
    case .shutdown: .shutdown
    }
  }

  /// Begins an attempt; answers how long it may take, or nil when this is not the time for one.
  mutating func connect(at now: ContinuousClock.Instant) -> Duration? {
    switch state {
    case .idle:
      state = .connecting(since: now)
      return max(
        backoff.shortestAttempt, backoff.delay(afterFailures: failures, random: 0))
    case .connecting, .ready, .backingOff, .shutdown: return nil
    }
  }

  /// The server's settings have come. False: nobody waits for them.
  mutating func established() -> Bool {
    switch state {
    case .connecting:
      failures = 0
      state = .ready
      return true
    case .idle, .ready, .backingOff, .shutdown: return false
    }
  }

  /// The attempt failed; answers how long to wait from now until `backoffIsOver`, or nil when there
  /// is no attempt. `random` is within -1...1.
  mutating func failed(at now: ContinuousClock.Instant, random: Double) -> Duration? {
    switch state {
    case .connecting(let since):
      failures += 1
      state = .backingOff
      let delay = backoff.delay(afterFailures: failures, random: random)
      return max(delay - since.duration(to: now), .zero)
    case .idle, .ready, .backingOff, .shutdown: return nil
    }
  }

  /// The delay has passed. False: it is not waited for.
  mutating func backoffIsOver() -> Bool {
    switch state {
    case .backingOff:
      state = .idle
      return true
    case .idle, .connecting, .ready, .shutdown: return false
    }
  }

  /// The connection takes no more calls, or the attempt is not wanted any more; false: there is none.
  mutating func lost() -> Bool {
    switch state {
    case .ready, .connecting:
      state = .idle
      return true
    case .idle, .backingOff, .shutdown: return false
    }
  }

  mutating func shutDown() { state = .shutdown }
}
