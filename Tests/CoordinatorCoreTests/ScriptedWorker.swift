import BackupModel

@testable import CoordinatorCore

/// A worker that does what it is told, at once, up to the points at which a test holds it.
struct ScriptedWorker: Equatable {
  /// Where a test may hold an attempt.
  enum Hold: Hashable {
    /// Reads and reads: a transfer that does not end.
    case transfer(ordinal: Int)
    /// Does not obey a cancel.
    case unwinding
    /// Can't remove checkpoints; says so.
    case checkpointRemoval
    /// Is told to commit and does not publish yet.
    case publication
    /// Takes no task.
    case acknowledgement
    /// Does not do duties.
    case duties
    /// Does not discard what was staged.
    case discarding
    /// Finds another thing under the committed name: nobody can ever publish.
    case target
  }

  let incarnation: String
  var connection: ConnectionID?
  var holds: Set<Hold> = []
  var isDraining = false
  var attempts: [AttemptReport] = []
  var specifications: [AttemptID: TaskSpecification] = [:]
  var duties: [DutyReport] = []
  /// The checkpoints that exist on its host by its doing.
  var checkpoints: Set<CheckpointName> = []
  var directives: [Directive] = []

  init(incarnation: String) { self.incarnation = incarnation }

  var report: WorkerReport {
    WorkerReport(attempts: attempts, duties: duties, isDraining: isDraining)
  }

  mutating func take(_ directive: Directive, published: inout [TaskID: Int]) {
    directives.append(directive)
    switch directive {
    case .assign(let task):
      guard !holds.contains(.acknowledgement), !isDraining,
        !attempts.contains(where: { $0.attempt == task.attempt })
      else { return }
      specifications[task.attempt] = task
      attempts.append(AttemptReport(attempt: task.attempt))
    case .proceed(let attempt): change(attempt) { $0.transfer() }
    case .commit(let attempt):
      guard !holds.contains(.publication) else { return }
      if holds.contains(.target) { return change(attempt) { $0.refuse() } }
      change(attempt) { $0.publish(attempt, &published) }
    case .cancel(let attempt), .abandon(let attempt):
      guard !holds.contains(.unwinding) else { return }
      change(attempt) { $0.unwind(attempt) }
    case .release(let attempt): attempts.removeAll { $0.attempt == attempt }
    case .perform(let duty): perform(duty, &published)
    }
  }

  private mutating func change(
    _ attempt: AttemptID, _ body: (inout Working) -> Void
  ) {
    guard let index = attempts.firstIndex(where: { $0.attempt == attempt }),
      let task = specifications[attempt]
    else { return }
    var working = Working(report: attempts[index], task: task, holds: holds, checkpoints)
    body(&working)
    attempts[index] = working.report
    checkpoints = working.checkpoints
  }

  /// Lets held transfers go on.
  mutating func letGo(_ hold: Hold) {
    holds.remove(hold)
    for attempt in attempts where attempt.phase == .transferring && attempt.outcome == nil {
      change(attempt.attempt) { $0.transfer() }
    }
  }

  mutating func fail(ordinal: Int, _ message: String = "disk error", isRetryable: Bool = true) {
    for attempt in attempts where attempt.attempt.task.ordinal == ordinal {
      change(attempt.attempt) {
        $0.unwind(attempt.attempt)
        $0.report.outcome = .failed(message: message, isRetryable: isRetryable)
      }
    }
  }

  private mutating func perform(_ duty: Duty, _ published: inout [TaskID: Int]) {
    guard !holds.contains(.duties) else { return }
    switch duty {
    case .removeCheckpoint(let record):
      if holds.contains(.checkpointRemoval) {
        duties.append(DutyReport(duty: duty, failure: "in use"))
        return
      }
      checkpoints.remove(record.name)
    case .publish(let task, _):
      if holds.contains(.target) {
        duties.append(DutyReport(duty: duty, failure: "it exists", isPermanent: true))
        return
      }
      published[task.attempt.task] = task.attempt.number
    case .discardStaging: if holds.contains(.discarding) { return }
    }
    duties.append(DutyReport(duty: duty))
  }

  /// One attempt while it changes.
  private struct Working {
    var report: AttemptReport
    let task: TaskSpecification
    let holds: Set<Hold>
    var checkpoints: Set<CheckpointName>

    init(
      report: AttemptReport, task: TaskSpecification, holds: Set<Hold>,
      _ checkpoints: Set<CheckpointName>
    ) {
      self.report = report
      self.task = task
      self.holds = holds
      self.checkpoints = checkpoints
    }

    private var makesCheckpoint: Bool { task.type == .vmBackup || task.type == .replication }

    mutating func transfer() {
      guard report.outcome == nil, report.readyToCommit == nil else { return }
      if makesCheckpoint && report.checkpoint == .none {
        checkpoints.insert(CheckpointName(attempt: report.attempt))
        report.checkpoint = .created
      }
      report.phase = .transferring
      report.progress = TaskProgress(
        totalBytes: 100, processedBytes: 50, readBytes: 50, storedBytes: 25)
      guard !holds.contains(.transfer(ordinal: report.attempt.task.ordinal)) else { return }
      report.phase = .finalizing
      report.progress.processedBytes = 100
      report.readyToCommit = commitment
    }

    private var commitment: Commitment {
      if let restore = task.restore {
        return .restoredDisks(targetDirectory: restore.targetDirectory, bytes: 100)
      }
      return .restorePoint(
        RestorePointSummary(
          id: RestorePointID(task: report.attempt.task),
          virtualMachine: task.object.virtualMachine, repository: task.repository,
          manifestDigest: "00", logicalBytes: 100, storedBytes: 25))
    }

    mutating func publish(_ attempt: AttemptID, _ published: inout [TaskID: Int]) {
      guard report.outcome == nil else { return }
      published[attempt.task] = attempt.number
      report.isPublished = true
      report.phase = .removingCheckpoint
      removeCheckpoint()
      if report.checkpoint == .removed || report.checkpoint == .none {
        report.outcome = .succeeded
      }
    }

    /// The staging stays; the end comes once the checkpoint is gone.
    mutating func refuse() {
      guard report.outcome == nil else { return }
      report.readyToCommit = nil
      removeCheckpoint()
      if report.checkpoint == .removed || report.checkpoint == .none {
        report.outcome = .failed(message: "it exists", isRetryable: false)
      }
    }

    mutating func unwind(_ attempt: AttemptID) {
      guard report.outcome == nil else { return }
      removeCheckpoint()
      if report.checkpoint == .removed || report.checkpoint == .none {
        report.outcome = .canceled
      }
    }

    private mutating func removeCheckpoint() {
      switch report.checkpoint {
      case .none, .removed: return
      case .created, .removalFailed:
        if holds.contains(.checkpointRemoval) {
          report.phase = .removingCheckpoint
          if case .removalFailed(let tries, _) = report.checkpoint {
            report.checkpoint = .removalFailed(tries: tries + 1, message: "in use")
          } else {
            report.checkpoint = .removalFailed(tries: 1, message: "in use")
          }
          return
        }
        checkpoints.remove(CheckpointName(attempt: report.attempt))
        report.checkpoint = .removed
      }
    }
  }
}
