package import BackupModel

/// What a worker measures its lease and its retries by.
package protocol WorkerClock: Sendable {
  /// Never goes back, whatever is done to the host's time of day.
  var now: Timestamp { get }
  /// Returns at `deadline`, or at once if that has passed. Throws when its task is canceled.
  func sleep(until deadline: Timestamp) async throws
}

/// The host's clock: the time of day at its making, advanced by the time that has run since (suspension included).
package struct SystemWorkerClock: WorkerClock {
  private let start: Timestamp
  private let origin = ContinuousClock.now

  /// `start`: the time of day now.
  package init(start: Timestamp) { self.start = start }

  package var now: Timestamp { start.advanced(by: origin.duration(to: .now)) }

  package func sleep(until deadline: Timestamp) async throws {
    try await ContinuousClock().sleep(
      until: origin.advanced(by: deadline.duration(since: start)))
  }
}
