internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

/// `belay.v1.SessionService`: parse, ask the core or the store, answer.
struct SessionService: BelayV1.SessionServiceServer {
  let desk: Desk
  let hub: WatchHub

  func getSession(_ request: BelayV1.GetSessionRequest, context: ServerContext) async throws
    -> BelayV1.GetSessionResponse
  {
    let name = try ResourceName.parseSession(request.name, field: "name")
    let reading = try await find(name.job, name.session)
    return .init(session: .init(reading, withTasks: true))
  }

  func listSessions(_ request: BelayV1.ListSessionsRequest, context: ServerContext) async throws
    -> BelayV1.ListSessionsResponse
  {
    let job = try ResourceName.parseAnyJob(request.parent, field: "parent")
    let page = try Page(
      size: request.pageSize, token: request.pageToken, scope: "sessions \(request.parent)")
    let before = page.after.flatMap(SessionID.init(validating:))
    guard (before == nil) == (page.after == nil) else { throw page.refuse() }
    let ids = try await desk.stored.sessions(of: job, before: before, limit: page.size + 1)
    var sessions: [BelayV1.Session] = []
    for id in ids.prefix(page.size) {
      guard let reading = try await desk.session(id) else { continue }
      sessions.append(.init(reading, withTasks: false))
    }
    let hasMore = ids.count > page.size
    return .init(
      sessions: sessions,
      nextPageToken: hasMore ? page.token(after: ids[page.size - 1].rawValue) : "")
  }

  func listTasks(_ request: BelayV1.ListTasksRequest, context: ServerContext) async throws
    -> BelayV1.ListTasksResponse
  {
    let name = try ResourceName.parseSession(request.parent, field: "parent")
    let page = try Page(
      size: request.pageSize, token: request.pageToken, scope: "tasks \(request.parent)")
    let reading = try await find(name.job, name.session)
    guard let last = Int(page.after ?? "0"), last >= 0 else { throw page.refuse() }
    let tasks = BelayV1.Session.tasks(reading).dropFirst(last)
    let cut = Array(tasks.prefix(page.size))
    return .init(
      tasks: cut,
      nextPageToken: tasks.count > cut.count ? page.token(after: "\(last + cut.count)") : "",
      sequence: Int64(reading.view.sequence))
  }

  func listLogRecords(_ request: BelayV1.ListLogRecordsRequest, context: ServerContext)
    async throws -> BelayV1.ListLogRecordsResponse
  {
    let name = try ResourceName.parseSessionOrTask(request.parent, field: "parent")
    let page = try Page(
      size: request.pageSize, token: request.pageToken,
      scope: "log \(request.afterSequence) \(request.parent)")
    guard let skipped = Int(page.after ?? "0"), skipped >= 0 else { throw page.refuse() }
    _ = try await find(name.job, name.session)
    let lines = try await LogReading(stored: desk.stored).lines(
      of: name.session, task: name.task, after: Int(clamping: request.afterSequence),
      skipping: skipped, limit: page.size + 1)
    let cut = lines.prefix(page.size)
    return .init(
      logRecords: Array(cut),
      nextPageToken: lines.count > cut.count ? page.token(after: "\(skipped + cut.count)") : "")
  }

  func stopSession(_ request: BelayV1.StopSessionRequest, context: ServerContext) async throws
    -> BelayV1.StopSessionResponse
  {
    let name = try ResourceName.parseSession(request.name, field: "name")
    let order = try StopOrder(request, context)
    let found = try await find(name.job, name.session)
    guard !found.history.isSettled else { return response(.alreadyStopped, found.view) }
    do {
      let answer = try await desk.ask(.stopSession(name.session, order))
      guard case .stop(let outcome, let view) = answer else {
        throw RPCError(.internal, "the coordinator gave an answer to another question")
      }
      return response(outcome, view)
    } catch let error as RPCError where error.code == .notFound {
      // It was settled meanwhile: then it has stopped.
      return response(.alreadyStopped, try await find(name.job, name.session).view)
    }
  }

  private func response(_ outcome: StopOutcome, _ view: SessionView)
    -> BelayV1.StopSessionResponse
  {
    .init(
      session: .init(SessionReading(view: view), withTasks: true), disposition: .init(outcome),
      stop: view.history.stop.map { .init($0, in: view.history) })
  }

  func watchSession(
    _ request: BelayV1.WatchSessionRequest,
    responses: ResponseWriter<BelayV1.WatchSessionResponse>, context: ServerContext
  ) async throws {
    let name = try ResourceName.parseSession(request.name, field: "name")
    let interval = try Self.interval(request.progressInterval)
    let after = Int(clamping: request.afterSequence)
    let (reading, feed) = try await open(name.session)
    defer { if let feed { hub.unsubscribe(feed) } }
    guard name.job == nil || name.job == reading.view.job else {
      throw RPCError(Refusal.sessionNotFound(name.session))
    }
    guard after >= 0, after <= reading.view.sequence else {
      throw RPCError.invalid("after_sequence", "the session is at \(reading.view.sequence)")
    }
    var watch = SessionWatch(
      reading.history, stored: desk.stored, clock: desk.clock, responses: responses)
    try await watch.send(.snapshot(.init(reading, withTasks: true)))
    if after > 0 { try await watch.catchUp(after: after) }
    guard let feed, reading.view.state != .stopped else { return }
    try await follow(&watch, feed, every: interval)
  }

  /// The session as it is, and a feed that begins right after it. No feed: nothing comes any more.
  private func open(_ id: SessionID) async throws -> (SessionReading, SessionFeed?) {
    let hub = hub
    let live = try await desk.read { view in
      view.session(id).map { ($0, hub.subscribe(to: id)) }
    }
    if let (reading, feed) = live {
      guard feed != nil else { throw RPCError.overloaded }
      return (reading, feed)
    }
    return (try await find(nil, id), nil)
  }

  private func follow(_ watch: inout SessionWatch, _ feed: SessionFeed, every interval: Duration)
    async throws
  {
    let clock = desk.clock
    watch = try await withThrowingTaskGroup(of: SessionWatch?.self) { [watch] group in
      group.addTask {
        while true {
          try await clock.sleep(until: clock.now().advanced(by: interval))
          feed.tick()
        }
      }
      group.addTask {
        var watch = watch
        try await watch.follow(feed)
        return watch
      }
      defer { group.cancelAll() }
      return try await group.next().flatMap { $0 } ?? watch
    }
  }

  private static func interval(_ wire: GoogleProtobuf.Duration?) throws(RPCError) -> Duration {
    guard let wire else { return .seconds(1) }
    guard let interval = wire.duration, interval >= .milliseconds(100), interval <= .seconds(60)
    else { throw .invalid("progress_interval", "from 100 ms to 1 min are possible") }
    return interval
  }

  private func find(_ job: JobID?, _ id: SessionID) async throws -> SessionReading {
    guard let reading = try await desk.session(id), job == nil || reading.view.job == job else {
      throw RPCError(Refusal.sessionNotFound(id))
    }
    return reading
  }
}
