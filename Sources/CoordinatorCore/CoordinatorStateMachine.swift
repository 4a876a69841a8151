package import BackupModel
internal import OrderedCollections

/// Decides everything that a coordinator decides: a value that takes events and returns effects, and knows no
/// clock, chance or waiting.
///
/// Its order of iteration is the order of insertion everywhere, so that equal events lead to equal effects.
package struct CoordinatorStateMachine: Sendable {
  package let configuration: Configuration
  package let epoch: Int
  var jobs: OrderedDictionary<JobID, Job> = [:]
  /// Sessions that are not settled, by the order in which they began.
  var sessions: OrderedDictionary<SessionID, SessionStateMachine> = [:]
  var workers: OrderedDictionary<WorkerID, WorkerState> = [:]
  /// Checkpoints of settled sessions that were found on a host.
  var strays = StrayLedger()
  var requests: RequestMemory

  /// Begins a term with what the store holds. ``Event/resumed`` has to be the first event.
  package init(
    configuration: Configuration, epoch: Int, jobs: [Job], sessions: [[SessionRecord]]
  ) throws(CorruptLog) {
    self.configuration = configuration
    self.epoch = epoch
    requests = RequestMemory(limit: configuration.limits.rememberedRequests)
    for job in jobs { self.jobs[job.id] = job }
    for records in sessions {
      let history = try SessionHistory(records)
      guard !history.isSettled else { continue }
      self.sessions[history.id] = SessionStateMachine(
        history: history, configuration: configuration)
    }
  }

  /// Takes one event. Whatever is due by time happens before it.
  package mutating func handle(_ event: Event, at now: Timestamp) -> Effects {
    var step = Step(now: now)
    if event != .resumed { passTime(&step) }
    switch event {
    case .resumed: resume(&step)
    case .request(let request, let token): answer(request, token, &step)
    case .workerAttached(let connection, let registration):
      attach(registration, on: connection, &step)
    case .workerDetached(let worker, let connection): detach(worker, connection, &step)
    case .workerReported(let worker, let connection, let report):
      take(report, from: worker, on: connection, &step)
    case .sessionLookedUp(let session, let records): lookedUp(session, records)
    case .timePassed: break
    }
    converge(&step)
    return finish(step)
  }

  /// Leases run out, and stops reach their deadlines, before anything else is looked at.
  private mutating func passTime(_ step: inout Step) {
    for id in sessions.keys { sessions[id]?.escalateIfDue(&step) }
    expireLeases(&step)
  }

  /// Brings every session as far as it can come without another word from outside.
  private mutating func converge(_ step: inout Step) {
    advanceSessions(&step)
    place(&step)
    assignDuties(&step)
  }

  private mutating func advanceSessions(_ step: inout Step) {
    for id in sessions.keys {
      sessions[id]?.advance(&step)
      if sessions[id]?.history.isSettled == true { sessions[id] = nil }
    }
    for worker in step.quarantined { workers[worker]?.isQuarantined = true }
    step.quarantined = []
  }

  private func finish(_ step: Step) -> Effects {
    var effects = step.effects
    for (address, directive) in step.directives {
      guard let connection = workers[address.worker]?.connection else { continue }
      effects.messages.append(
        WorkerMessage(
          worker: address.worker, connection: connection, content: .directive(directive)))
    }
    effects.progressed = Array(OrderedSet(effects.progressed))
    effects.nextDeadline = nextDeadline(after: step.now)
    return effects
  }

  private func nextDeadline(after now: Timestamp) -> Timestamp? {
    var times = sessions.values.compactMap { $0.earliestDeadline(after: now) }
    times += workers.values.map(\.leaseExpiry).filter { $0 > now }
    times += strays.deadlines.filter { $0 > now }
    return times.min()
  }

  private mutating func resume(_ step: inout Step) {
    for id in sessions.keys {
      sessions[id]?.resume(epoch: epoch, &step)
      for task in sessions[id]?.history.tasks ?? [] {
        guard let lease = task.current else { continue }
        workers[lease.worker] = WorkerState(
          id: lease.worker,
          leaseExpiry: step.now.advanced(by: configuration.leaseDuration))
      }
      if let history = sessions[id]?.history { requests.learn(from: history) }
    }
  }
}
