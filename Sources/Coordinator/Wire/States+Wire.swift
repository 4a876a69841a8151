internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore

extension BelayV1.SessionState {
  init(_ state: BackupModel.SessionState) {
    switch state {
    case .starting: self = .starting
    case .waitingSlot: self = .waitingSlot
    case .working: self = .working
    case .postprocessing: self = .postprocessing
    case .stopping: self = .stopping
    case .stopped: self = .stopped
    }
  }
}

extension BelayV1.SessionResult {
  init(_ result: BackupModel.SessionResult?) {
    switch result {
    case nil: self = .unspecified
    case .success: self = .success
    case .warning: self = .warning
    case .failed: self = .failed
    }
  }
}

extension BelayV1.TaskState {
  init(_ state: BackupModel.TaskState) {
    switch state {
    case .pending: self = .pending
    case .assigned: self = .assigned
    case .processing: self = .processing
    case .succeeded: self = .succeeded
    case .warning: self = .warning
    case .failed: self = .failed
    case .canceled: self = .canceled
    case .skipped: self = .skipped
    }
  }
}

extension BelayV1.StopMode {
  init(_ mode: BackupModel.StopMode) {
    switch mode {
    case .immediate: self = .immediate
    case .graceful: self = .graceful
    }
  }
}

extension BelayV1.Worker {
  init(_ worker: CoordinatorCore.WorkerState, in view: LoopView) {
    let configuration = view.core.configuration
    let tasks = view.core.allSessions.flatMap { session in
      session.tasks.filter { $0.history.current?.worker == worker.id }.map {
        ResourceName.task(session.job, $0.history.id)
      }
    }
    self.init(
      name: ResourceName.worker(worker.id), host: worker.registration?.host.rawValue ?? "",
      slots: Int32(clamping: worker.registration?.slots ?? 0),
      busySlots: Int32(clamping: tasks.count), state: Self.state(worker, at: view.now),
      hypervisors: worker.registration?.hypervisors ?? [],
      lastSeenTime: .init(
        worker.leaseExpiry.advanced(by: .zero - configuration.leaseDuration)),
      incarnation: worker.registration?.incarnation ?? "", tasks: tasks)
  }

  private static func state(_ worker: CoordinatorCore.WorkerState, at now: Timestamp)
    -> BelayV1.WorkerState
  {
    if worker.leaseExpiry <= now { return .lost }
    if worker.connection == nil { return .disconnected }
    if worker.isQuarantined { return .quarantined }
    return worker.isDraining ? .draining : .ready
  }
}
