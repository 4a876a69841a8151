internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

/// `belay.v1.JobService`: parse, ask the core, answer.
struct JobService: BelayV1.JobServiceServer {
  let desk: Desk
  let newSessionID: @Sendable (Timestamp) -> SessionID

  func createJob(_ request: BelayV1.CreateJobRequest, context: ServerContext) async throws
    -> BelayV1.CreateJobResponse
  {
    let draft = try JobDraft(request.jobID, request.job)
    let requestID = try Requester.checked(request.requestID)
    let answer = try await desk.ask(.createJob(draft, requestID: requestID))
    return .init(job: try await wire(answer))
  }

  func getJob(_ request: BelayV1.GetJobRequest, context: ServerContext) async throws
    -> BelayV1.GetJobResponse
  {
    let id = try ResourceName.parseJob(request.name, field: "name")
    return .init(job: try await current(id).wire)
  }

  func listJobs(_ request: BelayV1.ListJobsRequest, context: ServerContext) async throws
    -> BelayV1.ListJobsResponse
  {
    let page = try Page(size: request.pageSize, token: request.pageToken, scope: "jobs")
    let jobs = try await desk.read { view in
      view.core.allJobs.map { ($0, view.core.activeSession(of: $0.id)) }
    }
    let (cut, next) = page.cut(jobs) { $0.0.id.rawValue }
    return .init(jobs: cut.map { .init($0, active: $1) }, nextPageToken: next)
  }

  func updateJob(_ request: BelayV1.UpdateJobRequest, context: ServerContext) async throws
    -> BelayV1.UpdateJobResponse
  {
    guard let job = request.job else { throw RPCError.invalid("job", "is missing") }
    let id = try ResourceName.parseJob(job.name, field: "job.name")
    let before = try await current(id).job
    let changes = try JobChanges(job, mask: request.updateMask?.paths ?? [], current: before)
    // Paths into the settings were merged with what was read: that must still be so.
    let isMerged = (request.updateMask?.paths ?? []).contains { $0.hasPrefix("settings.") }
    let revision = Etag.revision(job.etag) ?? (isMerged ? before.revision : nil)
    let answer = try await desk.ask(
      .updateJob(
        id, changes, revision: revision, requestID: try Requester.checked(request.requestID)))
    return .init(job: try await wire(answer))
  }

  func deleteJob(_ request: BelayV1.DeleteJobRequest, context: ServerContext) async throws
    -> BelayV1.DeleteJobResponse
  {
    let id = try ResourceName.parseJob(request.name, field: "name")
    _ = try await desk.ask(
      .deleteJob(
        id, revision: Etag.revision(request.etag),
        requestID: try Requester.checked(request.requestID)))
    return .init()
  }

  func startJob(_ request: BelayV1.StartJobRequest, context: ServerContext) async throws
    -> BelayV1.StartJobResponse
  {
    let id = try ResourceName.parseJob(request.name, field: "name")
    let requester = try Requester(context, reason: request.reason, requestID: request.requestID)
    let type = try await current(id).job.type
    guard type.isBuilt else { throw RPCError.notBuilt("starting \(type.title) jobs") }
    let session = newSessionID(desk.clock.now())
    guard case .started(let view) = try await desk.ask(.startJob(id, session: session, requester))
    else { throw RPCError(.internal, "the coordinator gave an answer to another question") }
    return .init(session: try await latest(view))
  }

  func stopJob(_ request: BelayV1.StopJobRequest, context: ServerContext) async throws
    -> BelayV1.StopJobResponse
  {
    let id = try ResourceName.parseJob(request.name, field: "name")
    let order = try StopOrder(request, context)
    let answer = try await desk.ask(
      .stopJob(id, order, allowNotRunning: request.allowNotRunning))
    guard case .stop(let outcome, let view) = answer else { return .init() }
    let reading = SessionReading(view: view)
    return .init(
      session: .init(reading, withTasks: true), disposition: .init(outcome),
      stop: view.history.stop.map { .init($0, in: view.history) })
  }

  private func current(_ id: JobID) async throws -> (job: Job, wire: BelayV1.Job) {
    let found = try await desk.read { view in
      view.core.job(id).map { ($0, view.core.activeSession(of: id)) }
    }
    guard let (job, active) = found else { throw RPCError(Refusal.jobNotFound(id)) }
    return (job, BelayV1.Job(job, active: active))
  }

  private func wire(_ answer: Answer) async throws -> BelayV1.Job {
    guard case .job(let job) = answer else {
      throw RPCError(.internal, "the coordinator gave an answer to another question")
    }
    let active = try await desk.read { $0.core.activeSession(of: job.id) }
    return BelayV1.Job(job, active: active)
  }

  /// The session as it is now: it may have gone on since the answer.
  private func latest(_ view: SessionView) async throws -> BelayV1.Session {
    let reading = try await desk.session(view.id) ?? SessionReading(view: view)
    return .init(reading, withTasks: true)
  }
}
