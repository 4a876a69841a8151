/// One durable fact of a session. A session is the fold of its records, in order: what is not in one is forgotten
/// in a restart, and what is in one was durable before anyone was told.
package struct SessionRecord: Hashable, Sendable, Codable {
  package let session: SessionID
  /// Its place in the session's log, from 1, without gaps.
  package let sequence: Int
  package let time: Timestamp
  package let fact: Fact

  package init(session: SessionID, sequence: Int, time: Timestamp, fact: Fact) {
    self.session = session
    self.sequence = sequence
    self.time = time
    self.fact = fact
  }

  /// What happened. Tasks are named by their ordinals.
  package enum Fact: Hashable, Sendable, Codable {
    /// The first record: the job as it was then, whose objects are the tasks in their order.
    case sessionStarted(job: Job, requester: Requester)
    case stateChanged(SessionState)
    case taskAssigned(task: Int, attempt: Int, worker: WorkerID, host: HostID)
    /// TASK_STARTED of semantics.md §2: from here on the VM is in process.
    case taskStarted(task: Int, attempt: Int)
    case checkpointIntended(CheckpointRecord)
    case checkpointCreated(CheckpointName)
    case checkpointRemovalRequested(CheckpointName)
    case checkpointRemovalFailed(
      CheckpointName, tries: Int, message: String, nextTry: Timestamp?)
    /// Verified by listing the hypervisor.
    case checkpointRemoved(CheckpointName)
    /// RESTORE_POINT_COMMITTED of semantics.md §2 (or a Restore's target): the commit permit.
    case committed(task: Int, attempt: Int, Commitment)
    case published(task: Int, attempt: Int)
    /// What was committed can never be made visible, by anyone. Its staging is owed; a task that ended is FAILED now.
    case publicationFailed(task: Int, attempt: Int, message: String)
    /// The staging of an attempt that will not commit is gone.
    case stagingDiscarded(task: Int, attempt: Int)
    /// The worker's lease ran out, or its process is another one. The task is pending again, unless it ended.
    case attemptLost(task: Int, attempt: Int, worker: WorkerID)
    /// The attempt failed and another is allowed. The task is pending again.
    case attemptFailed(task: Int, attempt: Int, message: String)
    case taskEnded(task: Int, state: TaskState, message: String, progress: TaskProgress)
    case stopAccepted(StopRequest)
    case stopEscalated(EscalationCause, canceled: [Int])
    case stopDeadlineTightened(Timestamp)
    case coordinatorRestarted(epoch: Int, isStopping: Bool)
    case sessionStopped(SessionResult, isCanceled: Bool, message: String)
    /// The last record: no checkpoint, staging or publication is owed any more.
    case sessionSettled
  }
}
