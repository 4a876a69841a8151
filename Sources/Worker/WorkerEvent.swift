internal import BackupModel
import WorkerCore

/// What the worker's loop is told.
enum WorkerEvent: Sendable {
  /// The coordinator has taken the registration.
  case attached(Attachment)
  /// That connection is over. A broken connection is not a lost lease.
  case detached(Outbox)
  /// The coordinator has answered a report that was sent `ttl` before `until`.
  case leaseRenewed(until: Timestamp)
  case directives([Directive])
  /// The outbox has room again.
  case reportTaken
  case stepEnded(AttemptID, StepResult)
  case dutyEnded(Duty, failure: StepFailure?)
  /// The process is to end: finish what runs.
  case drain
  /// The process is to end: interrupt what runs.
  case cancel
}

/// A registration that the coordinator has taken.
struct Attachment: Sendable {
  let leaseEnd: Timestamp
  let heartbeatInterval: Duration
  /// Where reports for this connection go.
  let outbox: Outbox
}
