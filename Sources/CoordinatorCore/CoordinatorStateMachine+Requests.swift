internal import BackupModel

extension CoordinatorStateMachine {
  /// Answers a request once. The same request id gets the same answer; with another body it is refused (AIP-155).
  mutating func answer(_ request: Request, _ token: ReplyToken, _ step: inout Step) {
    let result: Result<Answer, Refusal>
    switch requests.recall(request) {
    case .reused(let id): result = .failure(.requestIDReused(id))
    case .answered(let recalled): result = .success(refreshed(recalled))
    case .new:
      result = decide(request, &step)
      if case .success(let answer) = result { requests.remember(request, answer) }
    }
    step.effects.replies.append(Reply(token: token, result: result))
  }

  private mutating func decide(_ request: Request, _ step: inout Step) -> Result<Answer, Refusal> {
    do throws(Refusal) {
      switch request {
      case .createJob(let draft, _): return .success(.job(try create(draft, &step)))
      case .updateJob(let id, let changes, let revision, _):
        return .success(.job(try update(id, changes, revision, &step)))
      case .deleteJob(let id, let revision, _):
        try delete(id, revision, &step)
        return .success(.jobDeleted(id))
      case .startJob(let id, let session, let requester):
        return .success(.started(try start(id, as: session, by: requester, &step)))
      case .stopJob(let id, let order, let allowNotRunning):
        guard let session = activeSession(of: id) else {
          guard jobs[id] != nil else { throw .jobNotFound(id) }
          guard allowNotRunning else { throw .jobNotRunning(id) }
          return .success(.notRunning(id))
        }
        return .success(try stop(session, order, &step))
      case .stopSession(let session, let order):
        return .success(try stop(session, order, &step))
      }
    } catch {
      return .failure(error)
    }
  }

  private mutating func stop(_ id: SessionID, _ order: StopOrder, _ step: inout Step)
    throws(Refusal) -> Answer
  {
    guard var session = sessions[id] else { throw .sessionNotFound(id) }
    let outcome = try session.stop(order, &step).get()
    // The reply shows what the stop led to at once: a session in which nothing had started is terminal already.
    session.advance(&step)
    let view = session.view
    sessions[id] = session.history.isSettled ? nil : session
    return .stop(outcome, view)
  }

  private mutating func start(
    _ id: JobID, as session: SessionID, by requester: Requester, _ step: inout Step
  ) throws(Refusal) -> SessionView {
    guard let job = jobs[id] else { throw .jobNotFound(id) }
    guard !job.isDisabled else { throw .jobDisabled(id) }
    if let active = activeSession(of: id) { throw .sessionActive(id, active) }
    guard sessions[session] == nil else {
      throw .invalid(field: "session", problem: "the id \(session) is in use")
    }
    guard sessions.count < configuration.limits.sessions else {
      throw .limitReached(what: "sessions at once", limit: configuration.limits.sessions)
    }
    guard configuration.repositories[job.settings.repository] != nil else {
      throw .invalid(
        field: "settings.repository", problem: "there is no repository \(job.settings.repository)")
    }
    let started = SessionStateMachine.start(
      job, as: session, by: requester, configuration: configuration, &step)
    sessions[session] = started
    return started.view
  }

  /// A remembered answer, with the session as it is now if it is still here.
  private func refreshed(_ answer: Answer) -> Answer {
    switch answer {
    case .started(let view): .started(sessions[view.id]?.view ?? view)
    case .stop(let outcome, let view): .stop(outcome, sessions[view.id]?.view ?? view)
    case .job, .jobDeleted, .notRunning: answer
    }
  }
}
