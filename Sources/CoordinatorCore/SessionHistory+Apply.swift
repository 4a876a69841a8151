package import BackupModel

extension SessionHistory {
  /// Folds a whole log.
  package init(_ records: [SessionRecord]) throws(CorruptLog) {
    guard let first = records.first else {
      throw CorruptLog(session: nil, problem: "it is empty")
    }
    try self.init(first: first)
    for record in records.dropFirst() { try apply(record) }
  }

  /// Begins with a session's first record.
  package init(first record: SessionRecord) throws(CorruptLog) {
    guard case .sessionStarted(let job, let requester) = record.fact, record.sequence == 1 else {
      throw CorruptLog(session: record.session, problem: "it does not begin with its start")
    }
    self.init(
      id: record.session, job: job, requester: requester, started: record.time,
      updated: record.time,
      tasks: job.objects.enumerated().map { index, object in
        TaskHistory(id: TaskID(session: record.session, ordinal: index + 1), object: object)
      })
    noteLines(of: record)
  }

  /// Takes the next record. The only way in which anything durable changes.
  package mutating func apply(_ record: SessionRecord) throws(CorruptLog) {
    guard record.session == id, record.sequence == sequence + 1, !isSettled else {
      throw corrupt("record \(record.sequence) of \(record.session) after \(sequence)")
    }
    try applyToSession(record.fact, at: record.time)
    sequence = record.sequence
    updated = record.time
    noteLines(of: record)
  }

  private mutating func noteLines(of record: SessionRecord) {
    for line in lines(of: record) {
      if let task = line.task, tasks.indices.contains(task - 1) {
        tasks[task - 1].latestLine = line.text
      } else {
        latestLine = line.text
      }
    }
  }

  private mutating func applyToSession(_ fact: SessionRecord.Fact, at time: Timestamp)
    throws(CorruptLog)
  {
    switch fact {
    case .sessionStarted: throw corrupt("it starts twice")
    case .stateChanged(let new): state = new
    case .coordinatorRestarted: break
    case .stopAccepted(let request):
      stop = Stop(
        request: request, immediateSince: request.mode == .immediate ? time : nil,
        foundStartedTasks: tasks.contains(where: \.hasStarted))
    case .stopEscalated(let cause, _):
      guard stop != nil else { throw corrupt("an escalation without a stop") }
      stop?.request.mode = .immediate
      stop?.immediateSince = time
      stop?.escalation = cause
    case .stopDeadlineTightened(let deadline):
      guard stop != nil else { throw corrupt("a deadline without a stop") }
      stop?.request.deadline = deadline
    case .sessionStopped(let result, let isCanceled, let message):
      state = .stopped
      end = End(result: result, isCanceled: isCanceled, message: message, time: time)
    case .sessionSettled: isSettled = true
    case .taskAssigned(let task, _, _, _), .taskStarted(let task, _), .committed(let task, _, _),
      .published(let task, _), .publicationFailed(let task, _, _), .stagingDiscarded(let task, _),
      .attemptLost(let task, _, _), .attemptFailed(let task, _, _), .taskEnded(let task, _, _, _):
      guard tasks.indices.contains(task - 1) else { throw corrupt("there is no task \(task)") }
      try applyToTask(&tasks[task - 1], fact, at: time)
    case .checkpointIntended(let record):
      try setEntry(LedgerEntry(record: record, state: .intended))
    case .checkpointCreated(let name), .checkpointRemovalRequested(let name),
      .checkpointRemovalFailed(let name, _, _, _), .checkpointRemoved(let name):
      guard var entry = ledger[name] else { throw corrupt("no intent of checkpoint \(name)") }
      Self.applyToLedger(&entry, fact, at: time)
      try setEntry(entry)
    }
  }

  private func applyToTask(
    _ task: inout TaskHistory, _ fact: SessionRecord.Fact, at time: Timestamp
  ) throws(CorruptLog) {
    switch fact {
    case .taskAssigned(_, let attempt, let worker, let host):
      guard attempt == task.lastAttempt + 1 else { throw corrupt("attempts out of order") }
      task.state = .assigned
      task.lastAttempt = attempt
      task.lastWorker = worker
      task.current = TaskHistory.Lease(
        attempt: attempt, worker: worker, host: host, assigned: time)
    case .taskStarted(_, let attempt):
      guard let lease = task.current, lease.attempt == attempt else {
        throw corrupt("task \(task.id) starts attempt \(attempt), which it was not given")
      }
      task.state = .processing
      task.starts += 1
      task.started = task.started ?? time
      task.current?.started = time
      task.stagings.append(TaskHistory.Staging(attempt: attempt, host: lease.host))
    case .committed(_, let attempt, let commitment):
      guard let lease = task.current, lease.attempt == attempt else {
        throw corrupt("task \(task.id) commits attempt \(attempt), which it does not run")
      }
      task.commit = TaskHistory.Commit(
        attempt: attempt, host: lease.host, commitment: commitment, time: time)
      task.stagings.removeAll { $0.attempt == attempt }
    case .published: task.commit?.isPublished = true
    case .publicationFailed(_, let attempt, let message):
      guard let commit = task.commit, commit.attempt == attempt, commit.isOwed else {
        throw corrupt(
          "task \(task.id) can't publish attempt \(attempt), which does not wait for it")
      }
      task.commit?.failure = message
      task.stagings.append(
        TaskHistory.Staging(attempt: attempt, host: commit.host, owedSince: time))
      guard task.state.isTerminal else { break }
      task.state = .failed
      task.message = message
    case .stagingDiscarded(_, let attempt): task.stagings.removeAll { $0.attempt == attempt }
    case .attemptLost, .attemptFailed:
      task.endLease(at: time)
      task.state = task.commit == nil ? .pending : .processing
    case .taskEnded(_, let state, let message, let progress):
      task.endLease(at: time)
      task.state = state
      task.message = message
      task.progress = progress
      task.ended = time
    default: throw corrupt("\(fact) is not about a task")
    }
  }

  private mutating func setEntry(_ entry: LedgerEntry) throws(CorruptLog) {
    let name = entry.record.name
    let index = name.attempt.task.ordinal - 1
    guard name.attempt.task.session == id, tasks.indices.contains(index) else {
      throw corrupt("checkpoint \(name) is of no task here")
    }
    ledger[name] = entry
    if entry.state == .removed {
      tasks[index].openCheckpoints.removeAll { $0 == name }
    } else if !tasks[index].openCheckpoints.contains(name) {
      tasks[index].openCheckpoints.append(name)
    }
  }

  private static func applyToLedger(
    _ entry: inout LedgerEntry, _ fact: SessionRecord.Fact, at time: Timestamp
  ) {
    switch fact {
    case .checkpointCreated: entry.state = .created
    case .checkpointRemovalRequested:
      entry.state = .removalRequested
      entry.requested = time
      entry.tries = 0
      entry.nextTry = time
    case .checkpointRemovalFailed(_, let tries, let message, let nextTry):
      entry.state = nextTry == nil ? .actionRequired : .removalRequested
      entry.tries = tries
      entry.message = message
      entry.nextTry = nextTry
    case .checkpointRemoved:
      entry.state = .removed
      entry.nextTry = nil
    default: break
    }
  }

  private func corrupt(_ problem: String) -> CorruptLog {
    CorruptLog(session: id, problem: problem)
  }
}

extension TaskHistory {
  fileprivate mutating func endLease(at time: Timestamp) {
    if let lease = current,
      let index = stagings.firstIndex(where: { $0.attempt == lease.attempt })
    {
      stagings[index].owedSince = time
    }
    current = nil
  }
}

extension SessionRecord.Fact {
  /// The tasks that look different after it, by ordinal.
  package var changedTasks: [Int] {
    switch self {
    case .taskAssigned(let task, _, _, _), .taskStarted(let task, _), .committed(let task, _, _),
      .published(let task, _), .publicationFailed(let task, _, _), .stagingDiscarded(let task, _),
      .attemptLost(let task, _, _), .attemptFailed(let task, _, _), .taskEnded(let task, _, _, _):
      [task]
    case .checkpointIntended(let record): [record.name.attempt.task.ordinal]
    case .checkpointCreated(let name), .checkpointRemovalRequested(let name),
      .checkpointRemovalFailed(let name, _, _, _), .checkpointRemoved(let name):
      [name.attempt.task.ordinal]
    case .stopAccepted(let request): request.stopSet
    case .sessionStarted, .stateChanged, .stopEscalated, .stopDeadlineTightened,
      .coordinatorRestarted, .sessionStopped, .sessionSettled:
      []
    }
  }
}
