internal import BackupModel

extension SessionStateMachine {
  /// Begins a session of a job: its objects become its tasks, in the order they have now (R14).
  static func start(
    _ job: Job, as id: SessionID, by requester: Requester, configuration: Configuration,
    _ step: inout Step
  ) -> SessionStateMachine {
    let record = SessionRecord(
      session: id, sequence: 1, time: step.now,
      fact: .sessionStarted(job: job, requester: requester))
    do {
      let history = try SessionHistory(first: record)
      step.effects.records.append(record)
      return SessionStateMachine(history: history, configuration: configuration)
    } catch {
      preconditionFailure("the coordinator wrote a record that it can't read: \(error)")
    }
  }

  /// Takes a session over from an earlier term.
  mutating func resume(epoch: Int, _ step: inout Step) {
    resumed = step.now
    guard history.state != .stopped else { return }
    record(.coordinatorRestarted(epoch: epoch, isStopping: history.stop != nil), &step)
  }
}
