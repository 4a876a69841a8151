import Glibc

/// The time of day of instants that were taken from the monotonic clock.
enum WallClock {
  /// Nanoseconds since 1970-01-01T00:00:00Z.
  static func nanoseconds(at instant: ContinuousClock.Instant) -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    let (seconds, attoseconds) = instant.duration(to: .now).components
    return now &- (seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
  }
}
