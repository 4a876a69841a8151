package import BackupModel

/// Why a request is not granted. Nothing has changed.
package enum Refusal: Error, Sendable, Hashable {
  case jobNotFound(JobID)
  case jobExists(JobID)
  case sessionNotFound(SessionID)
  case gracefulStopNotSupported(JobType)
  case immediateStopInProgress(SessionID)
  case jobNotRunning(JobID)
  case jobDisabled(JobID)
  case sessionActive(JobID, SessionID)
  case etagMismatch(JobID, given: Int, current: Int)
  case sequenceChanged(given: Int, current: Int)
  case deadlineInPast(Timestamp)
  case deadlineNotAllowed
  case requestIDReused(String)
  case invalid(field: String, problem: String)
  case limitReached(what: String, limit: Int)

  /// The stable name that clients switch on (semantics.md §10).
  package var reason: String {
    switch self {
    case .jobNotFound: "JOB_NOT_FOUND"
    case .jobExists: "JOB_EXISTS"
    case .sessionNotFound: "SESSION_NOT_FOUND"
    case .gracefulStopNotSupported: "GRACEFUL_STOP_NOT_SUPPORTED"
    case .immediateStopInProgress: "IMMEDIATE_STOP_IN_PROGRESS"
    case .jobNotRunning: "JOB_NOT_RUNNING"
    case .jobDisabled: "JOB_DISABLED"
    case .sessionActive: "SESSION_ACTIVE"
    case .etagMismatch: "ETAG_MISMATCH"
    case .sequenceChanged: "SEQUENCE_CHANGED"
    case .deadlineInPast: "DEADLINE_IN_PAST"
    case .deadlineNotAllowed: "DEADLINE_NOT_ALLOWED"
    case .requestIDReused: "REQUEST_ID_REUSED"
    case .invalid: "INVALID_FIELD"
    case .limitReached: "LIMIT_REACHED"
    }
  }

  package var message: String {
    switch self {
    case .jobNotFound(let job): "Job \(job) does not exist"
    case .jobExists(let job): "Job \(job) exists already"
    case .sessionNotFound(let session): "Session \(session) does not exist"
    case .gracefulStopNotSupported(let type): Message.gracefulStopNotSupported(type)
    case .immediateStopInProgress: Message.immediateStopInProgress
    case .jobNotRunning(let job): Message.notRunning(job)
    case .jobDisabled(let job): "Job \(job) is disabled"
    case .sessionActive(let job, let session):
      "Job \(job) is running already: session \(session)"
    case .etagMismatch(let job, _, _): "Job \(job) was changed meanwhile; read it again"
    case .sequenceChanged(let given, let current):
      "The session has moved on from sequence \(given) to \(current)"
    case .deadlineInPast(let deadline): "The deadline \(deadline) has passed already"
    case .deadlineNotAllowed: "An immediate stop takes no deadline"
    case .requestIDReused(let id): "Request id \(id) was used before for a different request"
    case .invalid(let field, let problem): "\(field): \(problem)"
    case .limitReached(let what, let limit): "No more than \(limit) \(what) are possible"
    }
  }

  /// Everything dynamic in the message, by name.
  package var metadata: [String: String] {
    switch self {
    case .jobNotFound(let job), .jobExists(let job), .jobNotRunning(let job),
      .jobDisabled(let job):
      ["job": job.rawValue]
    case .sessionNotFound(let session), .immediateStopInProgress(let session):
      ["session": session.rawValue]
    case .gracefulStopNotSupported(let type): ["type": type.title]
    case .sessionActive(let job, let session):
      ["job": job.rawValue, "session": session.rawValue]
    case .etagMismatch(let job, let given, let current):
      ["job": job.rawValue, "given": String(given), "current": String(current)]
    case .sequenceChanged(let given, let current):
      ["given": String(given), "current": String(current)]
    case .deadlineInPast(let deadline): ["deadline": deadline.description]
    case .deadlineNotAllowed: [:]
    case .requestIDReused(let id): ["request_id": id]
    case .invalid(let field, let problem): ["field": field, "problem": problem]
    case .limitReached(let what, let limit): ["what": what, "limit": String(limit)]
    }
  }
}
