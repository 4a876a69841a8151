package import BackupModel

/// What is durable of one task: changed only by `SessionHistory.apply`.
package struct TaskHistory: Sendable, Hashable {
  package let id: TaskID
  package let object: JobObject
  package internal(set) var state: TaskState = .pending
  /// The number of the latest attempt; 0 before the first.
  package internal(set) var lastAttempt = 0
  /// The worker of the latest attempt.
  package internal(set) var lastWorker: WorkerID?
  /// How many attempts have started: those that `maxAttempts` bounds.
  package internal(set) var starts = 0
  /// TASK_STARTED of the first attempt: *t* of semantics.md §3.
  package internal(set) var started: Timestamp?
  package internal(set) var ended: Timestamp?
  /// The lease in force.
  package internal(set) var current: Lease?
  package internal(set) var commit: Commit?
  /// The stagings that are not known to be gone, by attempt; the committed one is among them only if it can never be
  /// published.
  package internal(set) var stagings: [Staging] = []
  /// Its checkpoints in the ledger that are not struck off.
  package internal(set) var openCheckpoints: [CheckpointName] = []
  /// How it ended, in words.
  package internal(set) var message = ""
  /// The latest line of the log that is about the task.
  package internal(set) var latestLine = ""
  package internal(set) var progress = TaskProgress()

  /// One attempt on one worker.
  package struct Lease: Sendable, Hashable {
    package let attempt: Int
    package let worker: WorkerID
    package let host: HostID
    package let assigned: Timestamp
    package internal(set) var started: Timestamp?
  }

  /// RESTORE_POINT_COMMITTED: *c* of semantics.md §3.
  package struct Commit: Sendable, Hashable {
    package let attempt: Int
    package let host: HostID
    package let commitment: Commitment
    package let time: Timestamp
    package internal(set) var isPublished = false
    /// Why it can never be published. Nil: it is, or will be.
    package internal(set) var failure: String?

    /// Whether it has to be published yet.
    package var isOwed: Bool { !isPublished && failure == nil }
  }

  /// What an attempt may have staged.
  package struct Staging: Sendable, Hashable {
    package let attempt: Int
    package let host: HostID
    /// When its attempt ended without discarding it. Nil: the attempt is still under way.
    package internal(set) var owedSince: Timestamp?
  }

  init(id: TaskID, object: JobObject) {
    self.id = id
    self.object = object
  }

  package var ordinal: Int { id.ordinal }
  package var hasStarted: Bool { starts > 0 }
  /// Whether it uses up one of the job's parallelism.
  var isUnderWay: Bool { state == .assigned || state == .processing }

  func attempt(_ number: Int) -> AttemptID { AttemptID(task: id, number: number) }

  var currentAttempt: AttemptID? { current.map { attempt($0.attempt) } }
}
