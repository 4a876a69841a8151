package import BackupModel
package import OrderedCollections

/// The numbers that a coordinator decides with: fixed while it runs.
package struct Configuration: Sendable, Equatable {
  /// How long an attempt stays a worker's after that worker's last report.
  package var leaseDuration: Duration = .seconds(30)
  /// How often a worker is asked to report.
  package var heartbeatInterval: Duration = .seconds(10)
  /// How long a worker may take to acknowledge a task before another one gets it.
  package var acknowledgementBound: Duration = .seconds(60)
  /// How long a worker may take to unwind after an immediate stop before its lease is revoked (semantics.md §5).
  package var unwindingBound: Duration = .seconds(10)
  /// How long a session waits for what an attempt left to be removed before that is handed on (semantics.md §5).
  package var cleanupBound: Duration = .seconds(60)
  /// How long one duty may take on a worker before it counts as failed.
  package var dutyBound: Duration = .seconds(60)
  /// Where each repository is: an absolute path.
  package var repositories: OrderedDictionary<RepositoryID, String> = [:]
  package var limits = Limits()

  package init(repositories: OrderedDictionary<RepositoryID, String> = [:]) {
    self.repositories = repositories
  }
}

/// How many of each thing a coordinator takes before it refuses more.
package struct Limits: Sendable, Equatable {
  package var jobs = 10_000
  package var objectsPerJob = 1_000
  package var parallelism = 256
  package var attempts = 100
  package var descriptionBytes = 4_096
  /// Sessions that are not settled.
  package var sessions = 1_000
  package var workers = 1_000
  package var slotsPerWorker = 256
  package var leftoversPerRegistration = 10_000
  /// Answers that are kept for repeated request ids.
  package var rememberedRequests = 4_096

  package init() {}
}
