/// How an attempt of a call ended without a response.
struct AttemptFailure: Sendable {
  var code: StatusCode
  var progress: AttemptProgress
  /// What the server says of retries (`grpc-retry-pushback-ms`).
  var pushback: RetryPushback?
}

/// How far an attempt got that its transport could not bring to an end.
public enum AttemptProgress: Sendable, Hashable {
  /// Nothing of it has left this process.
  case unsent
  /// The server says that it has not looked at it (REFUSED_STREAM, or a GOAWAY below its stream).
  case refused
  /// The server may have acted on it.
  case processed
  /// The server has begun to answer, so that it is not made again whatever its end.
  case answered
}

/// A server's word on retries (gRFC A6, "Pushback").
public enum RetryPushback: Sendable, Hashable {
  /// Not before this time; then without the client's own backoff.
  case after(Duration)
  /// Not at all.
  case never

  /// Reads `grpc-retry-pushback-ms`: whatever is not a number of milliseconds says never.
  init(_ value: String) {
    if let milliseconds = Int32(value), milliseconds >= 0 {
      self = .after(.milliseconds(milliseconds))
    } else {
      self = .never
    }
  }

  /// As `grpc-retry-pushback-ms` says it: rounded up, at most about 25 days; negative for never.
  var milliseconds: Int32 {
    switch self {
    case .never: return -1
    case .after(let delay):
      let (seconds, attoseconds) = max(delay, .zero).components
      guard seconds < Int64(Int32.max) / 1000 else { return .max }
      return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
  }
}

/// The tokens of `RetryThrottling`.
struct RetryTokens: Sendable {
  private let throttling: RetryThrottling
  private var tokens: Double

  init(_ throttling: RetryThrottling) {
    self.throttling = throttling
    tokens = throttling.maximumTokens
  }

  var allowRetry: Bool { tokens > throttling.maximumTokens / 2 }

  mutating func succeeded() {
    tokens = min(tokens + throttling.tokenRatio, throttling.maximumTokens)
  }

  mutating func failed() { tokens = max(tokens - 1, 0) }
}

/// What of one call's attempts decides whether there is another.
struct RetryState: Sendable {
  /// What comes after a failed attempt.
  enum Decision: Sendable, Hashable {
    case giveUp
    /// At once, and not counted: no server has seen the last one.
    case again
    case after(Duration)
  }

  let policy: RetryPolicy?
  /// Attempts that a server may have seen.
  private(set) var attempts = 0
  /// Attempts since the server has last told when to retry.
  private var attemptsForBackoff = 0
  private var transparent = 0
  private var wasRefused = false

  /// An attempt that never leaves is made again so often, so that a connection that is lost again and
  /// again ends the call.
  private static let mostUnsent = 8

  init(_ policy: RetryPolicy?) { self.policy = policy }

  /// Decides after an attempt failed that is not committed; `random` is within -1...1.
  mutating func decide(
    _ failure: AttemptFailure, _ tokens: inout RetryTokens?, random: Double
  ) -> Decision {
    switch failure.progress {
    case .unsent where transparent < Self.mostUnsent:
      transparent += 1
      return .again
    case .refused where !wasRefused:
      // "If the RPC is refused by the server a second time, the policy applies."
      wasRefused = true
      return .again
    case .answered: return .giveUp
    case .unsent, .refused, .processed: break
    }
    attempts += 1
    attemptsForBackoff += 1
    guard let policy else { return .giveUp }
    let isRetryable = policy.retryableCodes.contains(failure.code)
    if isRetryable || failure.pushback == .never { tokens?.failed() }
    guard isRetryable, tokens?.allowRetry ?? true, attempts < policy.attempts else {
      return .giveUp
    }
    switch failure.pushback {
    case .never?: return .giveUp
    case .after(let delay)?:
      attemptsForBackoff = 0
      return .after(delay)
    case nil:
      return .after(policy.backoff(afterAttempts: attemptsForBackoff, random: random))
    }
  }
}
