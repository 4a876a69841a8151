internal import BackupModel

extension SessionStateMachine {
  /// Takes what a worker says of an attempt of this session, and says what it should do.
  mutating func take(_ report: AttemptReport, from worker: WorkerID, _ step: inout Step) {
    let ordinal = report.attempt.task.ordinal
    guard let task = history.task(ordinal) else { return tellStale(report, worker, &step) }
    guard let lease = task.current, lease.attempt == report.attempt.number,
      lease.worker == worker
    else {
      noteCreation(report, &step)
      notePublication(report, &step)
      noteRemoval(report, &step)
      return tellStale(report, worker, &step)
    }
    noteProgress(report, &step)
    if task.state == .assigned { start(ordinal, lease, &step) }
    noteCreation(report, &step)
    notePublication(report, &step)
    noteRemoval(report, &step)
    if report.outcome == nil, let commitment = report.readyToCommit {
      decideCommit(ordinal, commitment, &step)
    }
    if let outcome = report.outcome { end(ordinal, with: outcome, &step) }
    tellCurrent(report, worker, &step)
  }

  /// The worker has the task: TASK_STARTED, and the checkpoint's intent, before anything is touched.
  private mutating func start(
    _ ordinal: Int, _ lease: TaskHistory.Lease, _ step: inout Step
  ) {
    record(.taskStarted(task: ordinal, attempt: lease.attempt), &step)
    guard history.type.makesCheckpoint, let task = history.task(ordinal) else { return }
    record(
      .checkpointIntended(
        CheckpointRecord(
          name: CheckpointName(attempt: task.attempt(lease.attempt)), host: lease.host,
          hypervisor: task.object.hypervisor, virtualMachine: task.object.virtualMachine)),
      &step)
  }

  private mutating func noteProgress(_ report: AttemptReport, _ step: inout Step) {
    let ordinal = report.attempt.task.ordinal
    var attempt = live[ordinal] ?? LiveAttempt(attempt: report.attempt.number)
    let before = attempt
    if attempt.phase < report.phase { attempt.phase = report.phase }
    attempt.progress.raise(to: report.progress)
    live[ordinal] = attempt
    if attempt != before { step.effects.progressed.append(id) }
  }

  /// An attempt says that it has ended; it holds nothing but what its report says.
  private mutating func end(_ ordinal: Int, with outcome: AttemptOutcome, _ step: inout Step) {
    guard let task = history.task(ordinal), let lease = task.current else { return }
    if let commit = task.commit, commit.attempt == lease.attempt {
      if outcome == .succeeded { published(task.attempt(lease.attempt), &step) }
      live[ordinal]?.outcome = outcome
      return
    }
    record(.stagingDiscarded(task: ordinal, attempt: lease.attempt), &step)
    requestRemoval(ofAttempt: task.attempt(lease.attempt), &step)
    if history.isStoppingImmediately { return endCanceled(ordinal, &step) }
    switch outcome {
    case .succeeded:
      failAttempt(ordinal, "the worker ended without asking to commit", true, &step)
    case .canceled: failAttempt(ordinal, "the worker was shut down", true, &step)
    case .failed(let message, let isRetryable):
      failAttempt(ordinal, message, isRetryable, &step)
    }
  }

  /// Another attempt, or FAILED.
  mutating func failAttempt(
    _ ordinal: Int, _ message: String, _ isRetryable: Bool, _ step: inout Step
  ) {
    guard let task = history.task(ordinal), let lease = task.current else { return }
    if isRetryable && history.mayTryAgain(task) {
      record(.attemptFailed(task: ordinal, attempt: lease.attempt, message: message), &step)
      live[ordinal] = nil
    } else {
      endTask(ordinal, .failed, message, &step)
    }
  }

  /// The worker's lease ran out, or its process is another one.
  mutating func loseAttempt(_ ordinal: Int, _ step: inout Step) {
    guard let task = history.task(ordinal), let lease = task.current else { return }
    let attempt = task.attempt(lease.attempt)
    record(.attemptLost(task: ordinal, attempt: lease.attempt, worker: lease.worker), &step)
    if task.commit == nil { step.tell(lease.worker, .abandon(attempt)) }
    requestRemoval(ofAttempt: attempt, &step)
    guard task.commit == nil else { return }
    if history.isStoppingImmediately {
      endCanceled(ordinal, &step)
    } else if !history.mayTryAgain(task) {
      let message =
        "Worker \(lease.worker) was lost, and no attempt is left of \(history.job.settings.maxAttempts)"
      endTask(ordinal, .failed, message, &step)
    } else {
      live[ordinal] = nil
    }
  }

  mutating func endCanceled(_ ordinal: Int, _ step: inout Step) {
    endTask(ordinal, .canceled, Message.canceledByUser, &step)
  }

  mutating func endTask(
    _ ordinal: Int, _ state: TaskState, _ message: String, _ step: inout Step
  ) {
    if let task = history.task(ordinal), let lease = task.current, live[ordinal]?.outcome != nil {
      step.tell(lease.worker, .release(task.attempt(lease.attempt)))
    }
    record(
      .taskEnded(task: ordinal, state: state, message: message, progress: progress(of: ordinal)),
      &step)
    live[ordinal] = nil
  }

  /// What is known of a task's progress. Of what an earlier term was told, only a commit vouches for anything.
  private func progress(of ordinal: Int) -> TaskProgress {
    var progress = live[ordinal]?.progress ?? TaskProgress()
    switch history.task(ordinal)?.commit?.commitment {
    case .restorePoint(let summary)?:
      progress.raise(
        to: TaskProgress(
          totalBytes: summary.logicalBytes, processedBytes: summary.logicalBytes,
          storedBytes: summary.storedBytes))
    case .restoredDisks(_, let bytes)?:
      progress.raise(to: TaskProgress(totalBytes: bytes, processedBytes: bytes))
    case nil: break
    }
    return progress
  }

  /// What the holder of a task's lease should do, said again with each report until it is done.
  private func tellCurrent(_ report: AttemptReport, _ worker: WorkerID, _ step: inout Step) {
    guard let task = history.task(report.attempt.task.ordinal) else { return }
    guard task.current?.attempt == report.attempt.number, task.current?.worker == worker else {
      return tellStale(report, worker, &step)
    }
    if task.commit?.attempt == report.attempt.number {
      if report.outcome == nil { step.tell(worker, .commit(report.attempt)) }
    } else if history.isStoppingImmediately {
      step.tell(worker, .cancel(report.attempt))
    } else if report.phase == .preparing {
      step.tell(worker, .proceed(report.attempt))
    }
  }

  /// What anyone else should do who has, or had, an attempt.
  ///
  /// Never `abandon` to the committed attempt: its staging is the restore point until that is published, or can never
  /// be.
  private func tellStale(_ report: AttemptReport, _ worker: WorkerID, _ step: inout Step) {
    let task = history.task(report.attempt.task.ordinal)
    if report.outcome != nil {
      step.tell(worker, .release(report.attempt))
    } else if let task, let commit = task.commit, commit.attempt == report.attempt.number,
      commit.isOwed || !task.state.isTerminal
    {
      step.tell(worker, .commit(report.attempt))
    } else {
      step.tell(worker, .abandon(report.attempt))
    }
  }
}

extension JobType {
  /// Whether its attempts freeze a VM by a checkpoint.
  package var makesCheckpoint: Bool {
    switch self {
    case .vmBackup, .replication: true
    case .unstructuredDataBackup, .fileCopy, .backupCopy, .restore: false
    }
  }
}

extension TaskPhase {
  private var rank: Int {
    switch self {
    case .preparing: 0
    case .creatingCheckpoint: 1
    case .transferring: 2
    case .finalizing: 3
    case .removingCheckpoint: 4
    }
  }

  static func < (left: TaskPhase, right: TaskPhase) -> Bool { left.rank < right.rank }
}

extension TaskProgress {
  /// Takes a newer report; no counter goes back.
  fileprivate mutating func raise(to new: TaskProgress) {
    totalBytes = max(totalBytes, new.totalBytes)
    processedBytes = max(processedBytes, new.processedBytes)
    readBytes = max(readBytes, new.readBytes)
    storedBytes = max(storedBytes, new.storedBytes)
  }
}
