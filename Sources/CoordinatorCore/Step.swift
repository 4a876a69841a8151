internal import BackupModel
internal import OrderedCollections

/// What one event has led to so far: the sessions write into it, the coordinator turns it into `Effects`.
struct Step {
  let now: Timestamp
  var effects = Effects()
  /// The latest word to each worker about each thing; said once at the end of the step.
  private(set) var directives: OrderedDictionary<Address, Directive> = [:]
  /// Workers that did not unwind in time.
  var quarantined: [WorkerID] = []

  struct Address: Hashable {
    let worker: WorkerID
    let subject: Subject
  }

  enum Subject: Hashable {
    case attempt(AttemptID)
    case duty(DutyKey)
  }

  init(now: Timestamp) { self.now = now }

  mutating func tell(_ worker: WorkerID, _ directive: Directive) {
    directives[Address(worker: worker, subject: directive.subject)] = directive
  }
}

/// Names a duty: there is one of each kind an attempt.
struct DutyKey: Hashable {
  enum Kind: Hashable {
    case removeCheckpoint
    case publish
    case discardStaging
  }

  let kind: Kind
  let attempt: AttemptID
}

extension Duty {
  var key: DutyKey {
    switch self {
    case .removeCheckpoint(let record):
      DutyKey(kind: .removeCheckpoint, attempt: record.name.attempt)
    case .publish(let task, _): DutyKey(kind: .publish, attempt: task.attempt)
    case .discardStaging(let task): DutyKey(kind: .discardStaging, attempt: task.attempt)
    }
  }
}

extension Directive {
  fileprivate var subject: Step.Subject {
    switch self {
    case .assign(let task): .attempt(task.attempt)
    case .proceed(let attempt), .commit(let attempt), .cancel(let attempt),
      .abandon(let attempt), .release(let attempt):
      .attempt(attempt)
    case .perform(let duty): .duty(duty.key)
    }
  }
}
