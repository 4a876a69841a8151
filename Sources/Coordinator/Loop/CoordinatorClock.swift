package import BackupModel

/// The time that a coordinator lives in. Never goes back within one process.
package protocol CoordinatorClock: Sendable {
  func now() -> Timestamp
  /// Throws CancellationError when the task is canceled.
  func sleep(until deadline: Timestamp) async throws
}

/// The wall clock as it was at the start, moved on by the monotonic clock: a change of the wall clock moves nothing.
package struct SystemClock: CoordinatorClock {
  private let start: Timestamp
  private let origin: ContinuousClock.Instant

  /// - Parameter wallClock: the time now.
  package init(wallClock: Timestamp) {
    start = wallClock
    origin = .now
  }

  package func now() -> Timestamp {
    start.advanced(by: origin.duration(to: .now))
  }

  package func sleep(until deadline: Timestamp) async throws {
    try await Task.sleep(until: origin.advanced(by: deadline.duration(since: start)))
  }
}
