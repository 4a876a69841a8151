package import BackupModel

/// What a reader sees of a session: the same for a live one and for one folded from stored records (R15).
package struct SessionView: Sendable, Hashable {
  package let history: SessionHistory
  package let tasks: [TaskView]

  /// A session that no coordinator runs now: nothing volatile is known of it.
  package init(_ history: SessionHistory) { self.init(history, live: [:]) }

  init(_ history: SessionHistory, live: [Int: SessionStateMachine.LiveAttempt]) {
    self.history = history
    let turn = Turn(history)
    tasks = history.tasks.map { task in
      TaskView(task, in: history, live: live[task.ordinal], turn)
    }
  }

  package var id: SessionID { history.id }
  package var job: JobID { history.job.id }
  package var state: SessionState { history.state }
  package var sequence: Int { history.sequence }

  /// The sums over all tasks.
  package var progress: TaskProgress {
    tasks.reduce(into: TaskProgress()) { sum, task in
      sum.totalBytes &+= task.progress.totalBytes
      sum.processedBytes &+= task.progress.processedBytes
      sum.readBytes &+= task.progress.readBytes
      sum.storedBytes &+= task.progress.storedBytes
    }
  }
}

/// Whose turn it is to start.
private struct Turn {
  let hasRoom: Bool
  /// The first task that has neither started nor ended.
  let next: Int?

  init(_ session: SessionHistory) {
    hasRoom = session.tasks.count(where: \.isUnderWay) < session.job.settings.parallelism
    next = session.tasks.first { !$0.hasStarted && !$0.state.isTerminal }?.ordinal
  }
}

/// What a reader sees of one task.
package struct TaskView: Sendable, Hashable {
  /// Why a task, or its end, waits.
  package enum Wait: String, Sendable, Hashable, CaseIterable {
    /// A VM before it has not started, or the job's parallelism is used up.
    case turn
    /// No worker that can serve it has a free slot.
    case worker
    /// A worker was chosen and has not answered.
    case acknowledgement
    /// What an earlier attempt left has to go first.
    case leftovers
    /// A committed restore point is not visible yet.
    case publication
    /// An immediate stop was accepted, and the worker has not unwound yet.
    case unwinding
    /// Its checkpoint is being removed.
    case checkpointRemoval
  }

  package let history: TaskHistory
  package let phase: TaskPhase?
  package let progress: TaskProgress
  package let wait: Wait?

  fileprivate init(
    _ task: TaskHistory, in session: SessionHistory, live: SessionStateMachine.LiveAttempt?,
    _ turn: Turn
  ) {
    history = task
    phase = task.state == .processing ? Self.phase(of: task, live) : nil
    progress = task.state.isTerminal ? task.progress : live?.progress ?? TaskProgress()
    wait = Self.wait(of: task, in: session, turn)
  }

  package var ordinal: Int { history.ordinal }
  package var state: TaskState { history.state }
  /// The committed restore point. Listed in the repository once ``isPublished``. Nil, too, if it never can be.
  package var commitment: Commitment? {
    history.commit.flatMap { $0.failure == nil ? $0.commitment : nil }
  }
  package var isPublished: Bool { history.commit?.isPublished ?? false }

  private static func phase(
    of task: TaskHistory, _ live: SessionStateMachine.LiveAttempt?
  ) -> TaskPhase {
    guard let commit = task.commit else { return live?.phase ?? .preparing }
    return commit.isPublished ? .removingCheckpoint : .finalizing
  }

  private static func wait(
    of task: TaskHistory, in session: SessionHistory, _ turn: Turn
  ) -> Wait? {
    switch task.state {
    case .succeeded, .warning, .failed, .canceled, .skipped: return nil
    case .assigned: return .acknowledgement
    case .processing:
      if let commit = task.commit {
        return commit.isPublished ? .checkpointRemoval : .publication
      }
      return session.isStoppingImmediately ? .unwinding : nil
    case .pending:
      if !task.openCheckpoints.isEmpty { return .leftovers }
      if task.hasStarted { return .worker }
      return turn.hasRoom && turn.next == task.ordinal ? .worker : .turn
    }
  }
}
