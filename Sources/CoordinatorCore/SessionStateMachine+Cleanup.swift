internal import BackupModel

extension SessionStateMachine {
  /// The ledger learns that an attempt's checkpoint exists, whoever reports it.
  ///
  /// A zombie may have made it after its removal was verified: then the entry is opened again.
  mutating func noteCreation(_ report: AttemptReport, _ step: inout Step) {
    let name = CheckpointName(attempt: report.attempt)
    guard report.checkpoint == .created, let entry = history.ledger[name] else { return }
    if entry.state == .intended || entry.state == .removed {
      record(.checkpointCreated(name), &step)
    }
  }

  /// The ledger learns how the removal of an attempt's checkpoint went, whoever reports it.
  mutating func noteRemoval(_ report: AttemptReport, _ step: inout Step) {
    let name = CheckpointName(attempt: report.attempt)
    guard let entry = history.ledger[name], entry.state != .removed else { return }
    switch report.checkpoint {
    case .none, .created: break
    case .removed:
      requestRemoval(ofAttempt: report.attempt, &step)
      record(.checkpointRemoved(name), &step)
    case .removalFailed(let tries, let message):
      let ordinal = report.attempt.task.ordinal
      guard entry.state != .actionRequired, let attempt = live[ordinal],
        attempt.attempt == report.attempt.number, tries > attempt.failedRemovals
      else { return }
      requestRemoval(ofAttempt: report.attempt, &step)
      live[ordinal]?.failedRemovals = tries
      removalFailed(name, message, &step)
    }
  }

  /// What an attempt made is to go. Nothing happens if that was asked before, or there is nothing.
  mutating func requestRemoval(ofAttempt attempt: AttemptID, _ step: inout Step) {
    let name = CheckpointName(attempt: attempt)
    switch history.ledger[name]?.state {
    case .intended, .created: record(.checkpointRemovalRequested(name), &step)
    case .removalRequested, .actionRequired, .removed, nil: break
    }
  }

  mutating func removalFailed(_ name: CheckpointName, _ message: String, _ step: inout Step) {
    guard let entry = history.ledger[name] else { return }
    let tries = entry.tries + 1
    record(
      .checkpointRemovalFailed(
        name, tries: tries, message: message,
        nextTry: RemovalSchedule.wait(afterTry: tries).map { step.now.advanced(by: $0) }), &step)
  }

  /// A worker found a checkpoint of this session on its host. Nil-effect if a lease in force answers for it.
  mutating func found(_ leftover: CheckpointRecord, _ step: inout Step) {
    let name = leftover.name
    guard let task = history.task(name.attempt.task.ordinal),
      name.attempt.number <= task.lastAttempt, task.currentAttempt != name.attempt
    else { return }
    switch history.ledger[name]?.state {
    case .intended, .created:
      requestRemoval(ofAttempt: name.attempt, &step)
    case .removalRequested: break
    case .actionRequired: record(.checkpointRemovalRequested(name), &step)
    case .removed, nil:
      record(.checkpointIntended(leftover), &step)
      record(.checkpointCreated(name), &step)
      record(.checkpointRemovalRequested(name), &step)
    }
  }

  /// The duties that nobody is at and that are due, with the hosts whose workers can do them (nil: any).
  func dueDuties(at now: Timestamp) -> [(duty: Duty, host: HostID?, prefers: HostID)] {
    owedDuties.filter { owed in
      guard let progress = duties[owed.duty.key] else { return dueTime(owed.duty) <= now }
      return progress.holder == nil && progress.nextTry <= now && dueTime(owed.duty) <= now
    }
  }

  /// Everything owed that no lease in force answers for.
  var owedDuties: [(duty: Duty, host: HostID?, prefers: HostID)] {
    var owed: [(duty: Duty, host: HostID?, prefers: HostID)] = []
    for entry in history.openEntries where entry.state == .removalRequested {
      guard !isHeld(entry.record.name.attempt) else { continue }
      owed.append((.removeCheckpoint(entry.record), entry.record.host, entry.record.host))
    }
    let isTiedToHost = history.type == .restore
    for task in history.tasks {
      if let commit = task.commit, commit.isOwed, !isHeld(task.attempt(commit.attempt)),
        let specification = specification(task.attempt(commit.attempt))
      {
        owed.append(
          (
            .publish(specification, commit.commitment), isTiedToHost ? commit.host : nil,
            commit.host
          ))
      }
      for staging in task.stagings where staging.owedSince != nil {
        guard let specification = specification(task.attempt(staging.attempt)) else { continue }
        owed.append(
          (.discardStaging(specification), isTiedToHost ? staging.host : nil, staging.host))
      }
    }
    return owed
  }

  /// When a duty's next try is due.
  func dueTime(_ duty: Duty) -> Timestamp {
    if case .removeCheckpoint(let record) = duty {
      return history.ledger[record.name]?.nextTry ?? Timestamp(nanosecondsSinceEpoch: .min)
    }
    return duties[duty.key]?.nextTry ?? Timestamp(nanosecondsSinceEpoch: .min)
  }

  /// Whether the attempt's own worker still answers for what it made.
  private func isHeld(_ attempt: AttemptID) -> Bool {
    let ordinal = attempt.task.ordinal
    return history.task(ordinal)?.currentAttempt == attempt && live[ordinal]?.isOver != true
  }

  mutating func giveDuty(_ duty: Duty, to worker: WorkerID, _ step: inout Step) {
    let failures = duties[duty.key]?.failures ?? 0
    duties[duty.key] = DutyProgress(
      holder: worker, since: step.now, failures: failures, nextTry: step.now)
    step.tell(worker, .perform(duty))
  }

  /// A worker says how a duty went. A result that comes twice, or late, changes nothing.
  mutating func take(_ report: DutyReport, from worker: WorkerID, _ step: inout Step) {
    let key = report.duty.key
    if report.failure == nil {
      duties[key] = nil
      switch report.duty {
      case .removeCheckpoint(let record):
        guard let entry = history.ledger[record.name], entry.state != .removed else { return }
        requestRemoval(ofAttempt: record.name.attempt, &step)
        self.record(.checkpointRemoved(record.name), &step)
      case .publish(let task, _): published(task.attempt, &step)
      case .discardStaging(let task):
        let ordinal = task.attempt.task.ordinal
        guard let stagings = history.task(ordinal)?.stagings,
          stagings.contains(where: { $0.attempt == task.attempt.number && $0.owedSince != nil })
        else { return }
        record(.stagingDiscarded(task: ordinal, attempt: task.attempt.number), &step)
      }
    } else if case .publish(let task, _) = report.duty, report.isPermanent {
      duties[key] = nil
      publicationRefused(task.attempt, report.failure ?? "", &step)
    } else if duties[key]?.holder == worker {
      failDuty(key, report.failure ?? "", &step)
    }
  }

  private mutating func failDuty(_ key: DutyKey, _ message: String, _ step: inout Step) {
    guard var progress = duties[key] else { return }
    progress.holder = nil
    progress.failures += 1
    progress.nextTry = step.now.advanced(
      by: RemovalSchedule.wait(afterTry: progress.failures) ?? RemovalSchedule.slow)
    duties[key] = progress
    if key.kind == .removeCheckpoint {
      duties[key] = nil
      removalFailed(CheckpointName(attempt: key.attempt), message, &step)
    }
  }

  /// A worker is gone, or on another connection: what it was at is for anyone again.
  mutating func releaseDuties(of worker: WorkerID, _ step: inout Step) {
    for (key, progress) in duties where progress.holder == worker {
      duties[key]?.holder = nil
      duties[key]?.nextTry = step.now
    }
  }

  /// Duties that take too long count as failed, so that another try is made.
  mutating func failOverdueDuties(_ step: inout Step) {
    for (key, progress) in duties where progress.holder != nil {
      guard progress.since.advanced(by: configuration.dutyBound) <= step.now else { continue }
      failDuty(key, "no answer from worker \(progress.holder?.rawValue ?? "")", &step)
    }
  }
}

/// When a failed removal is tried again (semantics.md §6): five quick tries, then slow ones for four hours.
enum RemovalSchedule {
  private static let quick: [Duration] = [.seconds(1), .seconds(3), .seconds(10), .seconds(30)]
  static let slow: Duration = .seconds(15 * 60)
  private static let slowTries = 16

  /// Nil: every scheduled try has failed, and a person must look.
  static func wait(afterTry tries: Int) -> Duration? {
    if tries - 1 < quick.count { return quick[max(0, tries - 1)] }
    return tries <= quick.count + slowTries ? slow : nil
  }
}
