/// What a connection's or a server's calls have come to so far (gRFC A14, channelz).
///
/// Plain numbers: each connection counts on its own event loop, and whoever wants to know asks there.
public struct CallCounters: Sendable, Hashable {
  /// Calls that have come, or were made; those that no method answers among them.
  public var started = 0
  /// Calls that ended with OK.
  public var succeeded = 0
  /// Calls that ended otherwise, or were lost.
  public var failed = 0
  /// Messages that have left, as far as this side knows.
  public var messagesSent = 0
  /// Messages that have come whole.
  public var messagesReceived = 0
  /// When the last call started; nil: none has.
  public var lastStarted: ContinuousClock.Instant?
  /// When the last message was written to the connection; nil: none was.
  public var lastSent: ContinuousClock.Instant?
  /// When the last message came; nil: none has.
  public var lastReceived: ContinuousClock.Instant?

  /// Nothing has happened.
  public init() {}

  /// Calls that have not ended.
  public var underWay: Int { started - succeeded - failed }

  /// Adds what happened elsewhere; the later times count.
  public mutating func add(_ other: CallCounters) {
    started += other.started
    succeeded += other.succeeded
    failed += other.failed
    messagesSent += other.messagesSent
    messagesReceived += other.messagesReceived
    lastStarted = Self.later(lastStarted, other.lastStarted)
    lastSent = Self.later(lastSent, other.lastSent)
    lastReceived = Self.later(lastReceived, other.lastReceived)
  }

  private static func later(
    _ one: ContinuousClock.Instant?, _ other: ContinuousClock.Instant?
  ) -> ContinuousClock.Instant? {
    guard let one, let other else { return one ?? other }
    return max(one, other)
  }
}
