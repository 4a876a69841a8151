internal import BackupModel
internal import CoordinatorCore

/// One request that a client sends, again and again until it is answered.
struct ClientCall {
  let request: Request
  var isAnswered = false
  var tries = 0
  var generation = 0
}

extension World {
  func act(_ deed: Scenario.Deed) {
    guard !isHealed, let request = request(for: deed.action) else { return }
    for _ in 0..<deed.copies {
      calls.append(ClientCall(request: request))
      put(.clientSends(call: calls.count - 1), in: random.milliseconds(0...20))
    }
  }

  private func request(for action: Scenario.Action) -> Request? {
    let requester = Requester(
      principal: "operator", peer: "10.0.0.1", reason: "maintenance",
      requestID: random.chance(0.8) ? "request-\(calls.count)" : "")
    switch action {
    case .start(let job):
      return .startJob(job, session: SessionID(rawValue: "s\(calls.count)"), requester)
    case .stop(let job, let mode, let deadline):
      return .stopJob(
        job,
        StopOrder(
          mode: mode, requester: requester, deadline: deadline.map { .after($0) }),
        allowNotRunning: false)
    case .stopLastSession(let job, let mode):
      guard let session = oracles.last(where: { $0.job.id == job })?.id else { return nil }
      return .stopSession(session, StopOrder(mode: mode, requester: requester))
    case .reorder(let job):
      guard let objects = store.jobs.first(where: { $0.id == job })?.objects else { return nil }
      return .updateJob(
        job, JobChanges(objects: objects.reversed()), revision: nil,
        requestID: requester.requestID)
    }
  }

  /// Sends, and sends again after a while if no answer has come: requests are duplicated and delayed.
  func send(_ index: Int) {
    guard !calls[index].isAnswered else { return }
    calls[index].tries += 1
    put(
      .requestArrives(call: index), in: random.milliseconds(1...(random.chance(0.1) ? 2_000 : 10)))
    put(.clientSends(call: index), in: random.milliseconds(3_000...8_000))
  }

  func arrive(_ index: Int) {
    guard coordinator.core != nil else { return }
    let token = ReplyToken(rawValue: coordinator.nextToken)
    coordinator.nextToken += 1
    coordinator.tokens.append((token, index))
    var request = calls[index].request
    // The service draws a new id each time that a start arrives.
    if case .startJob(let job, _, let requester) = request {
      request = .startJob(
        job, session: SessionID(rawValue: "s\(coordinator.term)-\(token.rawValue)"), requester)
    }
    tellCoordinator(.request(request, token))
  }

  /// The reply leaves the coordinator: what it says has to be durable from here on.
  func release(_ reply: Reply) {
    guard let index = coordinator.tokens.firstIndex(where: { $0.token == reply.token }) else {
      return fail("everyRequestHasOneReply", "a second reply to \(reply.token)")
    }
    let call = coordinator.tokens.remove(at: index).call
    acknowledgedFactsSurvive(reply)
    unsupportedGracefulIsRefused(reply, to: calls[call].request)
    if isTracing { say("reply to \(brief(calls[call].request)): \(brief(reply))") }
    if strikes(.replyLost) { return }
    put(.clientHears(call: call, reply), in: random.milliseconds(1...20))
  }

  func hear(_ reply: Reply, for index: Int) {
    guard !calls[index].isAnswered else { return }
    calls[index].isAnswered = true
    guard case .success(.started(let view)) = reply.result else { return }
    for _ in 0..<random.int(0...2) {
      watchers.append(Watcher(session: view.id))
      put(.watcherConnects(watchers.count - 1), in: random.milliseconds(1...500))
    }
  }
}
