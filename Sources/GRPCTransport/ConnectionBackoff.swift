/// How long to wait from one attempt to connect to the next
/// (gRPC "Connection Backoff Protocol"): 1 s, ×1.6 each time, at most 120 s, ±20 %.
public struct ConnectionBackoff: Sendable, Hashable {
  /// Before the second attempt.
  public var first = Duration.seconds(1)
  /// By which each delay is longer than the last.
  public var multiplier = 1.6
  /// The longest delay, before the jitter.
  public var longest = Duration.seconds(120)
  /// The share by which a delay is changed at random, either way.
  public var jitter = 0.2
  /// How long one attempt may take, at least.
  public var shortestAttempt = Duration.seconds(20)

  /// The specified values.
  public init() {}

  /// The delay after so many failures in a row, counted from the start of the last attempt.
  /// `random` is within -1...1.
  func delay(afterFailures failures: Int, random: Double) -> Duration {
    var delay = first
    for _ in 1..<max(failures, 1) where delay < longest { delay = min(delay * multiplier, longest) }
    return min(delay, longest) * (1 + jitter * random)
  }
}
