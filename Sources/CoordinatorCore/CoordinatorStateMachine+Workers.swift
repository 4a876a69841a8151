internal import BackupModel

extension CoordinatorStateMachine {
  /// A worker registers. Attempts of another incarnation are lost; what it found on its host enters the ledger.
  mutating func attach(
    _ registration: WorkerRegistration, on connection: ConnectionID, _ step: inout Step
  ) {
    let id = registration.worker
    if let refusal = refusal(of: registration) {
      return disconnect(id, connection, .refused(refusal), &step)
    }
    let before = workers[id]
    if let old = before?.connection, old != connection {
      disconnect(id, old, .replaced, &step)
    }
    if let known = before?.registration, known.incarnation != registration.incarnation {
      loseAttempts(of: id, &step)
    }
    for session in sessions.keys { sessions[session]?.releaseDuties(of: id, &step) }
    strays.release(id)
    workers[id] = WorkerState(
      id: id, registration: registration, connection: connection,
      leaseExpiry: step.now.advanced(by: configuration.leaseDuration))
    tell(
      id, connection,
      .registered(
        epoch: epoch, leaseDuration: configuration.leaseDuration,
        heartbeatInterval: configuration.heartbeatInterval), &step)
    tryAgainWhatNeededAPerson(on: registration.host, &step)
    for leftover in registration.leftovers { found(leftover, on: registration.host, &step) }
  }

  private func refusal(of registration: WorkerRegistration) -> Refusal? {
    let limits = configuration.limits
    if workers[registration.worker] == nil && workers.count >= limits.workers {
      return .limitReached(what: "workers", limit: limits.workers)
    }
    if !(1...limits.slotsPerWorker).contains(registration.slots) {
      return .invalid(field: "slots", problem: "from 1 to \(limits.slotsPerWorker) are possible")
    }
    if registration.leftovers.count > limits.leftoversPerRegistration {
      return .limitReached(what: "leftovers at once", limit: limits.leftoversPerRegistration)
    }
    return nil
  }

  private mutating func found(_ leftover: CheckpointRecord, on host: HostID, _ step: inout Step) {
    guard leftover.host == host else { return }
    let session = leftover.name.attempt.task.session
    if sessions[session] != nil {
      sessions[session]?.found(leftover, &step)
    } else if strays.ask(leftover), !step.effects.lookups.contains(session) {
      step.effects.lookups.append(session)
    }
  }

  /// The store's word on a settled session: only what its ledger names is removed (semantics.md §6).
  mutating func lookedUp(_ session: SessionID, _ records: [SessionRecord]) {
    let history = try? SessionHistory(records)
    strays.answer(session, ledger: history?.ledger.keys.elements ?? [])
  }

  private mutating func tryAgainWhatNeededAPerson(on host: HostID, _ step: inout Step) {
    for id in sessions.keys {
      for entry in sessions[id]?.history.openEntries ?? []
      where entry.state == .actionRequired && entry.record.host == host {
        sessions[id]?.found(entry.record, &step)
      }
    }
  }

  mutating func detach(_ id: WorkerID, _ connection: ConnectionID, _ step: inout Step) {
    guard workers[id]?.connection == connection else { return }
    workers[id]?.connection = nil
    for session in sessions.keys { sessions[session]?.releaseDuties(of: id, &step) }
    strays.release(id)
  }

  /// A full report: renews the worker's leases, and an acknowledged attempt that is not in it is lost.
  mutating func take(
    _ report: WorkerReport, from id: WorkerID, on connection: ConnectionID, _ step: inout Step
  ) {
    guard var worker = workers[id], worker.connection == connection else { return }
    worker.leaseExpiry = step.now.advanced(by: configuration.leaseDuration)
    worker.isDraining = report.isDraining
    workers[id] = worker
    tell(id, connection, .leaseRenewed(until: worker.leaseExpiry), &step)
    loseWhatVanished(from: report, of: id, &step)
    for attempt in report.attempts { take(attempt, from: id, &step) }
    for duty in report.duties { take(duty, from: id, &step) }
    let stale = report.attempts.count { $0.outcome == nil && !isCurrent($0.attempt, on: id) }
    workers[id]?.staleAttempts = stale
    if stale == 0 { workers[id]?.isQuarantined = false }
  }

  private mutating func take(_ report: AttemptReport, from id: WorkerID, _ step: inout Step) {
    let session = report.attempt.task.session
    if sessions[session] != nil {
      sessions[session]?.take(report, from: id, &step)
    } else {
      step.tell(
        id, report.outcome == nil ? .abandon(report.attempt) : .release(report.attempt))
    }
  }

  private mutating func take(_ report: DutyReport, from id: WorkerID, _ step: inout Step) {
    let session = report.duty.key.attempt.task.session
    if sessions[session] != nil {
      sessions[session]?.take(report, from: id, &step)
    } else {
      strays.take(report, from: id, at: step.now)
    }
  }

  func isCurrent(_ attempt: AttemptID, on worker: WorkerID) -> Bool {
    guard let task = sessions[attempt.task.session]?.history.task(attempt.task.ordinal) else {
      return false
    }
    return task.currentAttempt == attempt && task.current?.worker == worker
  }

  private mutating func loseWhatVanished(
    from report: WorkerReport, of id: WorkerID, _ step: inout Step
  ) {
    let reported = Set(report.attempts.map(\.attempt))
    forEachLease(of: id) { session, task in
      let attempt = task.attempt(task.lastAttempt)
      guard !reported.contains(attempt) else { return }
      if task.state == .assigned && !report.isDraining {
        if let specification = session.specification(attempt) {
          step.tell(id, .assign(specification))
        }
      } else {
        session.loseAttempt(task.ordinal, &step)
      }
    }
  }

  /// Every lease that ran out is lost; a worker with nothing left is forgotten.
  mutating func expireLeases(_ step: inout Step) {
    for worker in workers.values where worker.leaseExpiry <= step.now {
      loseAttempts(of: worker.id, &step)
      if worker.connection == nil { workers[worker.id] = nil }
    }
  }

  private mutating func loseAttempts(of id: WorkerID, _ step: inout Step) {
    forEachLease(of: id) { session, task in session.loseAttempt(task.ordinal, &step) }
    for session in sessions.keys { sessions[session]?.releaseDuties(of: id, &step) }
    strays.release(id)
  }

  private mutating func forEachLease(
    of worker: WorkerID, _ body: (inout SessionStateMachine, TaskHistory) -> Void
  ) {
    for id in sessions.keys {
      guard var session = sessions[id] else { continue }
      let tasks = session.history.tasks.filter { $0.current?.worker == worker }
      guard !tasks.isEmpty else { continue }
      for task in tasks { body(&session, task) }
      sessions[id] = session
    }
  }

  private func disconnect(
    _ worker: WorkerID, _ connection: ConnectionID, _ reason: DisconnectReason,
    _ step: inout Step
  ) {
    tell(worker, connection, .disconnect(reason), &step)
  }

  private func tell(
    _ worker: WorkerID, _ connection: ConnectionID, _ content: WorkerMessage.Content,
    _ step: inout Step
  ) {
    step.effects.messages.append(
      WorkerMessage(worker: worker, connection: connection, content: content))
  }
}
