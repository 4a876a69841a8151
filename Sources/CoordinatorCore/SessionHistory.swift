package import BackupModel
package import OrderedCollections

/// What is durable of a session: the fold of its records, in live operation, recovery and reading alike.
package struct SessionHistory: Sendable, Hashable {
  package let id: SessionID
  /// The job as it was when the session started.
  package let job: Job
  package let requester: Requester
  package let started: Timestamp
  /// The sequence number of the last record.
  package internal(set) var sequence = 1
  package internal(set) var updated: Timestamp
  package internal(set) var state: SessionState = .starting
  /// By ordinal, from 1.
  package internal(set) var tasks: [TaskHistory]
  package internal(set) var ledger: OrderedDictionary<CheckpointName, LedgerEntry> = [:]
  package internal(set) var stop: Stop?
  package internal(set) var end: End?
  package internal(set) var isSettled = false
  /// The latest line of the log that is about the session as a whole.
  package internal(set) var latestLine = ""

  /// The stop that was accepted, as it is now.
  package struct Stop: Sendable, Hashable {
    package internal(set) var request: StopRequest
    /// When the stop became immediate: when it was accepted so, or raised. Nil: it is graceful.
    package internal(set) var immediateSince: Timestamp?
    package internal(set) var escalation: EscalationCause?
    /// Whether a task had started when it was accepted (semantics.md §2, rule 2).
    package let foundStartedTasks: Bool
  }

  /// How the session ended.
  package struct End: Sendable, Hashable {
    package let result: SessionResult
    package let isCanceled: Bool
    package let message: String
    package let time: Timestamp
  }

  /// One entry of the checkpoint ledger (semantics.md §6).
  package struct LedgerEntry: Sendable, Hashable {
    package let record: CheckpointRecord
    package internal(set) var state: CheckpointState
    /// When its removal was requested.
    package internal(set) var requested: Timestamp?
    /// Failed tries since then.
    package internal(set) var tries = 0
    package internal(set) var message = ""
    package internal(set) var nextTry: Timestamp?
  }

  package var type: JobType { job.type }

  package func task(_ ordinal: Int) -> TaskHistory? {
    tasks.indices.contains(ordinal - 1) ? tasks[ordinal - 1] : nil
  }

  /// Whether an immediate stop stands in the log.
  package var isStoppingImmediately: Bool { stop?.immediateSince != nil }

  /// The ledger's entries that are not struck off.
  package var checkpointsLeft: Int { tasks.reduce(0) { $0 + $1.openCheckpoints.count } }

  /// Those entries, by their tasks.
  package var openEntries: [LedgerEntry] { tasks.flatMap { entries(of: $0) } }

  /// Those of one task.
  package func entries(of task: TaskHistory) -> [LedgerEntry] {
    task.openCheckpoints.compactMap { ledger[$0] }
  }

  /// Whether the task may have another attempt after the one that just ended (semantics.md §7).
  package func mayTryAgain(_ task: TaskHistory) -> Bool {
    task.commit == nil && !isStoppingImmediately
      && (!task.hasStarted || task.starts < job.settings.maxAttempts)
  }

  /// How many tasks have something to show for themselves.
  package var tasksDone: Int {
    tasks.count { $0.state == .succeeded || $0.state == .warning }
  }

  /// Whether nothing is owed any more: no checkpoint, staging or publication.
  package var owesNothing: Bool {
    checkpointsLeft == 0
      && tasks.allSatisfy { $0.stagings.isEmpty && $0.commit?.isOwed != true }
  }
}

/// A log that can't be what a coordinator wrote.
package struct CorruptLog: Error, Hashable, CustomStringConvertible {
  package let session: SessionID?
  package let problem: String
  package var description: String {
    "the log of session \(session?.rawValue ?? "(none)") is corrupt: \(problem)"
  }
}
