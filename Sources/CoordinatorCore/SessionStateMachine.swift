internal import BackupModel
internal import OrderedCollections

/// Decides what happens next in one session.
///
///     STARTING ──▶ WAITING_SLOT ──▶ WORKING ──▶ POSTPROCESSING ──▶ STOPPED ──▶ (settled)
///         └──────────────┴─────────────┴──────────────┴──▶ STOPPING ──▶ STOPPED
///
/// What is durable is in `history` and changes by records alone; the rest is forgotten in a restart and learnt
/// again from the workers' reports. Each file `SessionStateMachine+….swift` holds one operation.
struct SessionStateMachine: Sendable {
  private(set) var history: SessionHistory
  let configuration: Configuration
  /// What the workers report of the attempts in force, by ordinal.
  var live: [Int: LiveAttempt] = [:]
  /// Duties that workers are at, or that wait for another try.
  var duties: OrderedDictionary<DutyKey, DutyProgress> = [:]
  /// When this term took the session over: bounded waits begin anew from here. Nil: it began in this term.
  var resumed: Timestamp?

  /// What is known of an attempt beyond the records.
  struct LiveAttempt: Sendable, Equatable {
    let attempt: Int
    var phase: TaskPhase = .preparing
    var progress = TaskProgress()
    /// How the worker ended a committed attempt whose task waits for more.
    var outcome: AttemptOutcome?
    /// Its checkpoint took too long to remove: the ledger's own tries have it.
    var isHandedOn = false
    /// Failed tries to remove the checkpoint that are in the log already.
    var failedRemovals = 0

    /// Whether the worker no longer answers for what it made.
    var isOver: Bool { outcome != nil || isHandedOn }
  }

  /// How far a duty has come.
  struct DutyProgress: Sendable, Equatable {
    /// Who has it, and since when. Nil: nobody; it waits for `nextTry`.
    var holder: WorkerID?
    var since: Timestamp
    var failures = 0
    var nextTry: Timestamp
  }

  init(history: SessionHistory, configuration: Configuration, resumed: Timestamp? = nil) {
    self.history = history
    self.configuration = configuration
    self.resumed = resumed
  }

  var id: SessionID { history.id }

  /// Writes a fact into the log. The state changes by the same function that recovery uses.
  mutating func record(_ fact: SessionRecord.Fact, _ step: inout Step) {
    let record = SessionRecord(
      session: id, sequence: history.sequence + 1, time: step.now, fact: fact)
    do {
      try history.apply(record)
    } catch {
      preconditionFailure("the coordinator wrote a record that it can't read: \(error)")
    }
    step.effects.records.append(record)
  }

  /// When a wait that began at `start` is over: a new term gives it its whole bound again.
  func bound(_ duration: Duration, from start: Timestamp) -> Timestamp {
    max(start, resumed ?? start).advanced(by: duration)
  }

  /// Everything that a worker must know of an attempt. Nil: its repository is no longer configured.
  func specification(_ attempt: AttemptID) -> TaskSpecification? {
    guard let task = history.task(attempt.task.ordinal),
      let path = configuration.repositories[history.job.settings.repository]
    else { return nil }
    return TaskSpecification(
      attempt: attempt, job: history.job.id, type: history.type, object: task.object,
      repository: history.job.settings.repository, repositoryPath: path,
      sessionStarted: history.started, restore: history.job.settings.restore)
  }

  /// What a reader sees of the session now.
  var view: SessionView { SessionView(history, live: live) }
}
