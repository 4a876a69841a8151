// The words of the worker link (semantics.md §7). It is level-triggered: a report says what a worker runs, a
// directive says what it should; both sides may repeat themselves, restart, and converge.

/// What a worker says of itself when it attaches.
package struct WorkerRegistration: Hashable, Sendable, Codable {
  package var worker: WorkerID
  /// Differs for each start of the worker's process: attempts of another incarnation are lost.
  package var incarnation: String
  package var host: HostID
  /// How many tasks it takes at once; at least 1.
  package var slots: Int
  /// The names of its hypervisor drivers.
  package var hypervisors: [String]
  /// Checkpoints with our prefix that it found on its host.
  package var leftovers: [CheckpointRecord]

  package init(
    worker: WorkerID, incarnation: String, host: HostID, slots: Int, hypervisors: [String],
    leftovers: [CheckpointRecord] = []
  ) {
    self.worker = worker
    self.incarnation = incarnation
    self.host = host
    self.slots = slots
    self.hypervisors = hypervisors
    self.leftovers = leftovers
  }
}

/// Everything that a worker must know to process one object.
package struct TaskSpecification: Hashable, Sendable, Codable {
  package var attempt: AttemptID
  package var job: JobID
  package var type: JobType
  package var object: JobObject
  package var repository: RepositoryID
  /// Where that repository is, as the coordinator's configuration says: an absolute path.
  package var repositoryPath: String
  /// When the session started: the time in the restore point's name, the same for every attempt.
  package var sessionStarted: Timestamp
  /// Set for Restore tasks only.
  package var restore: RestoreSettings?

  package init(
    attempt: AttemptID, job: JobID, type: JobType, object: JobObject, repository: RepositoryID,
    repositoryPath: String, sessionStarted: Timestamp, restore: RestoreSettings? = nil
  ) {
    self.attempt = attempt
    self.job = job
    self.type = type
    self.object = object
    self.repository = repository
    self.repositoryPath = repositoryPath
    self.sessionStarted = sessionStarted
    self.restore = restore
  }
}

/// What a worker should do. Each may arrive more than once and means the same each time.
package enum Directive: Hashable, Sendable, Codable {
  /// Take this task, and report it; touch nothing yet.
  case assign(TaskSpecification)
  /// The task is durably started and its checkpoint, if it makes one, is in the ledger: go ahead.
  case proceed(AttemptID)
  /// The commit is durable: make it visible, then remove the checkpoint and end.
  case commit(AttemptID)
  /// Cut the transfer, remove the checkpoint, discard the staging, then report the end.
  case cancel(AttemptID)
  /// This attempt is stale: another one has, or will have, the task. Stop at once and clean up what is yours.
  case abandon(AttemptID)
  /// The attempt's end is recorded: it need not be reported any more.
  case release(AttemptID)
  /// Remove what another attempt left: report a ``DutyReport``.
  case perform(Duty)
}

/// Work left over from an attempt whose worker is gone. Done when it is already done.
package enum Duty: Hashable, Sendable, Codable {
  case removeCheckpoint(CheckpointRecord)
  /// Publish what was committed: the specification tells where it is staged.
  case publish(TaskSpecification, Commitment)
  /// Fence the attempt's staging and delete what it holds.
  case discardStaging(TaskSpecification)
}

/// How an attempt ended on its worker.
package enum AttemptOutcome: Hashable, Sendable, Codable {
  /// Committed and published.
  case succeeded
  /// Nothing is visible. `isRetryable`: another worker may do better. Not retryable after a commit: it can never be
  /// published, by anyone, and what is staged is left for the coordinator to have discarded.
  case failed(message: String, isRetryable: Bool)
  /// As a cancel directive asked: nothing is visible.
  case canceled
}

/// What a worker says of one attempt: the whole of it, each time.
package struct AttemptReport: Hashable, Sendable, Codable {
  /// What became of the attempt's checkpoint.
  package enum Checkpoint: Hashable, Sendable, Codable {
    case none
    case created
    case removed
    /// Removal was tried and failed; the worker goes on trying until it is told otherwise.
    case removalFailed(tries: Int, message: String)
  }

  package var attempt: AttemptID
  package var phase: TaskPhase
  package var progress: TaskProgress
  package var checkpoint: Checkpoint
  /// Set from the moment that all is staged and durable: the worker asks to commit, and waits.
  package var readyToCommit: Commitment?
  /// Whether the commit has been made visible.
  package var isPublished: Bool
  /// Set when the worker has ended the attempt and holds nothing of it any more.
  package var outcome: AttemptOutcome?

  package init(
    attempt: AttemptID, phase: TaskPhase = .preparing, progress: TaskProgress = TaskProgress(),
    checkpoint: Checkpoint = .none, readyToCommit: Commitment? = nil, isPublished: Bool = false,
    outcome: AttemptOutcome? = nil
  ) {
    self.attempt = attempt
    self.phase = phase
    self.progress = progress
    self.checkpoint = checkpoint
    self.readyToCommit = readyToCommit
    self.isPublished = isPublished
    self.outcome = outcome
  }
}

/// How a duty went.
package struct DutyReport: Hashable, Sendable, Codable {
  package var duty: Duty
  /// Nil: done. Else why it could not be done; the coordinator decides when to ask again.
  package var failure: String?
  /// Whether a failed publication can never succeed, whoever tries.
  package var isPermanent: Bool

  package init(duty: Duty, failure: String? = nil, isPermanent: Bool = false) {
    self.duty = duty
    self.failure = failure
    self.isPermanent = isPermanent
  }
}

/// Everything that a worker runs: an attempt that is not in it is not on that worker.
package struct WorkerReport: Hashable, Sendable, Codable {
  package var attempts: [AttemptReport]
  package var duties: [DutyReport]
  /// Whether it takes no new task: it is shutting down.
  package var isDraining: Bool

  package init(
    attempts: [AttemptReport] = [], duties: [DutyReport] = [], isDraining: Bool = false
  ) {
    self.attempts = attempts
    self.duties = duties
    self.isDraining = isDraining
  }
}
