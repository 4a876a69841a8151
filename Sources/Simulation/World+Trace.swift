internal import BackupModel
internal import CoordinatorCore
internal import WorkerCore

// One line for each thing: what a person reads in a trace.
extension World {
  func brief(_ event: Event) -> String {
    switch event {
    case .resumed: return "resumed"
    case .request(let request, _): return brief(request)
    case .workerAttached(let connection, let registration):
      return
        "\(registration.worker) attaches on \(connection.rawValue), \(registration.leftovers.count) leftovers"
    case .workerDetached(let worker, let connection):
      return "\(worker) detaches from \(connection.rawValue)"
    case .workerReported(let worker, _, let report):
      let attempts = report.attempts.map(brief).joined(separator: "; ")
      let duties = report.duties.map { "\(brief($0.duty)): \($0.failure ?? "done")" }
      let draining = report.isDraining ? " draining" : ""
      return "\(worker) reports\(draining) [\(attempts)] \(duties.joined(separator: "; "))"
    case .sessionLookedUp(let session, let records):
      return "\(session) looked up, \(records.count) records"
    case .timePassed: return "time passed"
    }
  }

  private func brief(_ report: AttemptReport) -> String {
    var text = "\(report.attempt) \(report.phase) \(report.checkpoint)"
    if report.readyToCommit != nil { text += " ready" }
    if report.isPublished { text += " published" }
    if let outcome = report.outcome { text += " \(outcome)" }
    return text
  }

  func brief(_ request: Request) -> String {
    switch request {
    case .createJob(let draft, _): "create \(draft.id)"
    case .updateJob(let job, _, _, _): "update \(job)"
    case .deleteJob(let job, _, _): "delete \(job)"
    case .startJob(let job, let session, _): "start \(job) as \(session)"
    case .stopJob(let job, let order, _): "stop \(job) \(order.mode)"
    case .stopSession(let session, let order): "stop \(session) \(order.mode)"
    }
  }

  func brief(_ reply: Reply) -> String {
    switch reply.result {
    case .failure(let refusal): return refusal.reason
    case .success(let answer):
      switch answer {
      case .job(let job): return "job \(job.id) revision \(job.revision)"
      case .jobDeleted(let job): return "deleted \(job)"
      case .started(let view): return "started \(view.id)"
      case .stop(let outcome, let view): return "\(outcome) \(view.id) at #\(view.sequence)"
      case .notRunning(let job): return "\(job) does not run"
      }
    }
  }

  func brief(_ directive: Directive) -> String {
    switch directive {
    case .assign(let task): "assign \(task.attempt)"
    case .proceed(let attempt): "proceed \(attempt)"
    case .commit(let attempt): "commit \(attempt)"
    case .cancel(let attempt): "cancel \(attempt)"
    case .abandon(let attempt): "abandon \(attempt)"
    case .release(let attempt): "release \(attempt)"
    case .perform(let duty): "perform \(brief(duty))"
    }
  }

  func brief(_ duty: Duty) -> String {
    switch duty {
    case .removeCheckpoint(let record): "removal of \(record.name)"
    case .publish(let task, _): "publication of \(task.attempt)"
    case .discardStaging(let task): "discarding of \(task.attempt)"
    }
  }

  func brief(_ step: AttemptStep) -> String {
    if case .publish = step { "publish" } else { "\(step)" }
  }

  func brief(_ result: StepResult) -> String {
    if case .staged = result { "staged" } else { "\(result)" }
  }

  func brief(_ fact: SessionRecord.Fact) -> String {
    switch fact {
    case .sessionStarted(let job, _): "sessionStarted \(job.id), \(job.objects.count) objects"
    case .committed(let task, let attempt, _): "committed task \(task) attempt \(attempt)"
    case .checkpointIntended(let record): "checkpointIntended \(record.name)"
    case .stopAccepted(let stop): "stopAccepted \(stop.mode) \(stop.stopSet)"
    case .taskEnded(let task, let state, let message, _): "taskEnded \(task) \(state) \(message)"
    default: "\(fact)"
    }
  }
}
