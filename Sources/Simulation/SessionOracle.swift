internal import BackupModel

/// What a session's durable records say, read by the simulation's own rules: it shares no code with the core's fold,
/// so that a mistake there does not hide itself.
struct SessionOracle {
  struct Task {
    /// The sequence number of the first TASK_STARTED: *t* of semantics.md §3.
    var started: Int?
    var lastAttempt = 0
    /// The attempt whose lease is in force.
    var current: Int?
    /// The sequence number of RESTORE_POINT_COMMITTED: *c*.
    var committed: Int?
    var committedAttempt: Int?
    var commitment: Commitment?
    var isPublished = false
    /// The commit was given up: it could never be published.
    var isGivenUp = false
    var end: TaskState?
    /// Whether there is, or will be, something to show.
    var hasResult: Bool { committed != nil && !isGivenUp }
    /// The task ended before an immediate stop, or had its commit before it.
    var isInProcess: Bool { started != nil && end == nil }
  }

  enum Ledger {
    case intended
    case created
    case requested
    case removed
  }

  let id: SessionID
  let job: Job
  var sequence = 0
  var tasks: [Task]
  /// *s* of semantics.md §3, for each mode; an escalation counts as an immediate stop.
  var gracefulStop: Int?
  var immediateStop: Int?
  var immediateTime: Timestamp?
  /// When a graceful stop has to become an immediate one.
  var deadline: Timestamp?
  var stopSet: [Int] = []
  var hadStartedAtStop = false
  var result: SessionResult?
  var isCanceled = false
  var stopped: Timestamp?
  var isSettled = false
  var ledger: [CheckpointName: Ledger] = [:]
  /// Attempts that lost their lease: what they do from then on is a zombie's.
  var lost: Set<AttemptID> = []

  var hasStop: Bool { gracefulStop != nil || immediateStop != nil }

  init(_ first: SessionRecord, job: Job) {
    id = first.session
    self.job = job
    tasks = Array(repeating: Task(), count: job.objects.count)
  }

  /// The tasks in process now, by ordinal.
  var inProcess: [Int] {
    tasks.indices.filter { tasks[$0].isInProcess }.map { $0 + 1 }
  }

  mutating func apply(_ record: SessionRecord) {
    sequence = record.sequence
    switch record.fact {
    case .taskAssigned(let task, let attempt, _, _):
      tasks[task - 1].lastAttempt = attempt
      tasks[task - 1].current = attempt
    case .taskStarted(let task, _):
      if tasks[task - 1].started == nil { tasks[task - 1].started = record.sequence }
    case .committed(let task, let attempt, let commitment):
      if tasks[task - 1].committed == nil { tasks[task - 1].committed = record.sequence }
      tasks[task - 1].committedAttempt = attempt
      tasks[task - 1].commitment = commitment
    case .published(let task, _): tasks[task - 1].isPublished = true
    case .publicationFailed(let task, _, _):
      tasks[task - 1].isGivenUp = true
      if tasks[task - 1].end != nil { tasks[task - 1].end = .failed }
    case .attemptLost(let task, let attempt, _):
      lost.insert(AttemptID(task: TaskID(session: id, ordinal: task), number: attempt))
      tasks[task - 1].current = nil
    case .attemptFailed(let task, _, _): tasks[task - 1].current = nil
    case .taskEnded(let task, let state, _, _):
      tasks[task - 1].end = state
      tasks[task - 1].current = nil
    case .stopAccepted(let request):
      hadStartedAtStop = tasks.contains { $0.started != nil }
      switch request.mode {
      case .immediate: stopImmediately(record)
      case .graceful:
        gracefulStop = record.sequence
        deadline = request.deadline
        stopSet = inProcess
      }
    case .stopEscalated: stopImmediately(record)
    case .checkpointIntended(let entry): ledger[entry.name] = .intended
    case .checkpointCreated(let name): ledger[name] = .created
    case .checkpointRemovalRequested(let name): ledger[name] = .requested
    case .checkpointRemoved(let name): ledger[name] = .removed
    case .stopDeadlineTightened(let time): deadline = time
    case .sessionStopped(let result, let isCanceled, _):
      self.result = result
      self.isCanceled = isCanceled
      stopped = record.time
    case .sessionSettled: isSettled = true
    case .sessionStarted, .stateChanged, .checkpointRemovalFailed, .stagingDiscarded,
      .coordinatorRestarted:
      break
    }
  }

  private mutating func stopImmediately(_ record: SessionRecord) {
    immediateStop = record.sequence
    immediateTime = record.time
  }

  /// The result that semantics.md §2 asks for, by the first rule that matches.
  var verdict: (SessionResult, isCanceled: Bool) {
    if immediateStop != nil { return (.failed, true) }
    if gracefulStop != nil && !hadStartedAtStop { return (.failed, true) }
    if tasks.contains(where: { $0.end == .failed }) { return (.failed, false) }
    let isClean = tasks.allSatisfy { $0.end == .succeeded }
    return (isClean ? .success : .warning, false)
  }
}
