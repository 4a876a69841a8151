internal import BackupModel

extension CoordinatorStateMachine {
  /// Gives waiting tasks to workers: sessions by age, tasks by their order, the least loaded worker first.
  mutating func place(_ step: inout Step) {
    var load = activeAttempts
    for id in sessions.keys {
      sessions[id]?.assign(&step) { [workers, now = step.now] task in
        let worker = Self.choose(for: task, among: workers.values.elements, load, now)
        guard let worker, let host = worker.registration?.host else { return nil }
        load[worker.id, default: 0] += 1
        return (worker.id, host)
      }
    }
  }

  private var activeAttempts: [WorkerID: Int] {
    var load: [WorkerID: Int] = [:]
    for session in sessions.values {
      for task in session.history.tasks {
        if let lease = task.current { load[lease.worker, default: 0] += 1 }
      }
    }
    for worker in workers.values { load[worker.id, default: 0] += worker.staleAttempts }
    return load
  }

  private static func choose(
    for task: TaskHistory, among workers: [WorkerState], _ load: [WorkerID: Int],
    _ now: Timestamp
  ) -> WorkerState? {
    let able = workers.filter { worker in
      worker.isAvailable(at: now) && !worker.isDraining && !worker.isQuarantined
        && worker.serves(task.object)
        && load[worker.id, default: 0] < worker.registration?.slots ?? 0
    }
    // A worker on which the last attempt ended comes last, then the fuller one, then by name.
    func rank(_ worker: WorkerState) -> (Int, Int, WorkerID) {
      (worker.id == task.lastWorker ? 1 : 0, load[worker.id, default: 0], worker.id)
    }
    return able.min { rank($0) < rank($1) }
  }

  /// Gives each duty that is due to a worker that can do it.
  mutating func assignDuties(_ step: inout Step) {
    for id in sessions.keys {
      guard var session = sessions[id] else { continue }
      for owed in session.dueDuties(at: step.now) {
        guard let worker = chooseForDuty(on: owed.host, prefers: owed.prefers, owed.duty, step.now)
        else { continue }
        session.giveDuty(owed.duty, to: worker, &step)
      }
      sessions[id] = session
    }
    for leftover in strays.due(at: step.now) {
      let duty = Duty.removeCheckpoint(leftover)
      guard
        let worker = chooseForDuty(on: leftover.host, prefers: leftover.host, duty, step.now)
      else { continue }
      strays.give(leftover.name, to: worker, at: step.now, bound: configuration.dutyBound)
      step.tell(worker, .perform(duty))
    }
  }

  private func chooseForDuty(
    on host: HostID?, prefers: HostID, _ duty: Duty, _ now: Timestamp
  ) -> WorkerID? {
    let able = workers.values.filter { worker in
      guard worker.isAvailable(at: now), let registration = worker.registration else {
        return false
      }
      guard host == nil || registration.host == host else { return false }
      guard case .removeCheckpoint(let record) = duty else { return true }
      return registration.hypervisors.contains(record.hypervisor)
    }
    func rank(_ worker: WorkerState) -> (Int, Int, WorkerID) {
      (
        worker.registration?.host == prefers ? 0 : 1,
        worker.isQuarantined || worker.isDraining ? 1 : 0, worker.id
      )
    }
    return able.min { rank($0) < rank($1) }?.id
  }
}
