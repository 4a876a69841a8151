import Glibc

/// The moment until which a call may wait.
struct Deadline: Sendable {
  private let end: ContinuousClock.Instant

  init(in duration: Duration) { end = ContinuousClock.now + duration }

  private init(at end: ContinuousClock.Instant) { self.end = end }

  var hasPassed: Bool { ContinuousClock.now >= end }

  /// The earlier of this and `duration` from now.
  func orIn(_ duration: Duration) -> Deadline {
    Deadline(at: min(end, ContinuousClock.now + duration))
  }

  /// What is left, rounded up to whole milliseconds, as poll(2) takes it: 0 when passed.
  var pollTimeout: Int32 {
    let left = ContinuousClock.now.duration(to: end)
    guard left > .zero else { return 0 }
    let (seconds, attoseconds) = left.components
    guard seconds < 1_000_000 else { return 1_000_000_000 }
    return Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
  }

  /// Lets the thread rest for `duration`, or until the deadline if that is earlier.
  func pause(_ duration: Duration) {
    var nothing = pollfd()
    _ = poll(&nothing, 0, orIn(duration).pollTimeout)
  }
}
