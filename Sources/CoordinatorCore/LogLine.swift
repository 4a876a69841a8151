package import BackupModel

/// One line of a session's log as people read it.
package struct LogLine: Sendable, Hashable {
  package enum Level: String, Sendable, Hashable, CaseIterable {
    case information
    case warning
    case error
  }

  /// The record that it renders: several lines may share one.
  package let sequence: Int
  package let time: Timestamp
  /// The task that it is about. Nil: the session.
  package let task: Int?
  package let level: Level
  package let text: String
}

extension SessionHistory {
  /// The lines of the record that this history ends with: exactly the texts of semantics.md §8.
  package func lines(of record: SessionRecord) -> [LogLine] {
    func line(_ text: String, task: Int? = nil, _ level: LogLine.Level = .information) -> LogLine {
      LogLine(
        sequence: record.sequence, time: record.time, task: task, level: level, text: text)
    }
    switch record.fact {
    case .sessionStarted:
      return [line(Message.started(at: record.time)), line(Message.buildingList)]
    case .coordinatorRestarted(_, let isStopping):
      return [line(Message.restarted(isStopping: isStopping), .warning)]
    case .stopAccepted(let request): return [line(text(of: request), .warning)]
    case .stopEscalated(let cause, let canceled):
      return [line(Message.escalated(cause, canceled: canceled.count), .warning)]
    case .sessionStopped(let result, _, let message):
      return endLines(result, message).map { line($0.text, $0.level) }
    case .taskStarted(let task, _):
      return name(task).map { [line(Message.processing($0), task: task)] } ?? []
    case .taskEnded(let task, let state, let message, _):
      return endLines(of: task, state, message, at: record.time).map {
        line($0.text, task: task, $0.level)
      }
    case .attemptLost(let task, let attempt, let worker):
      guard let history = self.task(task), mayTryAgain(history) else { return [] }
      return [line(Message.workerLost(worker, nextAttempt: attempt + 1), task: task, .warning)]
    case .attemptFailed(let task, _, let message): return [line(message, task: task, .warning)]
    case .publicationFailed(let task, _, let message):
      // A task that has yet to end says it by its end.
      guard self.task(task)?.state.isTerminal == true else { return [] }
      return [line(message, task: task, .error)]
    case .checkpointRemovalRequested(let name):
      return [line(Message.removingCheckpoint, task: name.attempt.task.ordinal)]
    case .checkpointRemoved(let name):
      return [line(Message.checkpointRemoved, task: name.attempt.task.ordinal)]
    case .checkpointRemovalFailed(let name, let tries, let message, _):
      let text = Message.checkpointRemovalFailed(name, attempt: tries, error: message)
      return [line(text, task: name.attempt.task.ordinal, .warning)]
    case .stateChanged, .taskAssigned, .checkpointIntended, .checkpointCreated, .committed,
      .published, .stagingDiscarded, .stopDeadlineTightened, .sessionSettled:
      return []
    }
  }

  private func name(_ task: Int) -> VirtualMachineID? { self.task(task)?.object.virtualMachine }

  private func text(of request: StopRequest) -> String {
    switch request.mode {
    case .immediate:
      Message.stoppedImmediately(
        by: request.requester.principal, reason: request.requester.reason)
    case .graceful:
      Message.stoppedGracefully(
        by: request.requester.principal, waitingFor: request.stopSet.compactMap(name))
    }
  }

  private func endLines(_ result: SessionResult, _ message: String)
    -> [(text: String, level: LogLine.Level)]
  {
    let level: LogLine.Level =
      switch result {
      case .success: .information
      case .warning: .warning
      case .failed: .error
      }
    var lines = message.isEmpty ? [] : [(message, level)]
    let left = Message.checkpointsLeft(checkpointsLeft, operation: cleanupOperation)
    if checkpointsLeft > 0 && message != left { lines.append((left, .warning)) }
    return lines
  }

  private func endLines(
    of task: Int, _ state: TaskState, _ message: String, at time: Timestamp
  ) -> [(text: String, level: LogLine.Level)] {
    switch state {
    case .succeeded: return [(Message.processingFinished(at: time), .information)]
    case .warning: return [(message, .warning), (Message.processingFinished(at: time), .warning)]
    case .failed: return [(message, .error)]
    case .skipped: return [(message, .warning)]
    case .canceled:
      guard let restore = job.settings.restore, let history = self.task(task) else {
        return [(message, .error)]
      }
      let text = Message.restoreCanceled(
        target: restore.targetDirectory, isRemoved: history.stagings.isEmpty)
      return [(message, .error), (text, .warning)]
    case .pending, .assigned, .processing: return []
    }
  }
}
