internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import WorkerLink

extension BelayV1.Session {
  /// - Parameter withTasks: whether every task goes along.
  init(_ reading: SessionReading, withTasks: Bool) {
    let view = reading.view
    let history = view.history
    self.init(
      name: ResourceName.session(view.job, view.id), jobType: .init(history.type),
      state: .init(view.state), result: .init(history.end?.result),
      canceled: history.end?.isCanceled ?? false, message: history.latestLine,
      waitingFor: WaitText.of(view), sequence: Int64(view.sequence),
      startTime: .init(history.started), endTime: history.end.map { .init($0.time) },
      requester: .init(history.requester), stop: history.stop.map { .init($0, in: history) },
      progress: .init(
        view.progress, rate: reading.rates.values.reduce(0) { $0 &+ $1 },
        isRunning: view.state != .stopped),
      taskCounts: .init(view.tasks), tasks: withTasks ? Self.tasks(reading) : [],
      checkpointsPending: Int32(clamping: history.checkpointsLeft),
      settings: .init(history.job.settings), settled: history.isSettled)
  }

  static func tasks(_ reading: SessionReading) -> [BelayV1.Task] {
    reading.view.tasks.map { .init($0, in: reading) }
  }
}

extension BelayV1.Task {
  init(_ task: TaskView, in reading: SessionReading) {
    let session = reading.history
    let history = task.history
    self.init(
      name: ResourceName.task(session.job.id, history.id), ordinal: Int32(clamping: task.ordinal),
      virtualMachine: history.object.virtualMachine.rawValue,
      hypervisor: history.object.hypervisor, host: Self.host(history),
      state: .init(task.state), phase: task.phase.map { .init($0) } ?? .unspecified,
      progress: .init(
        task.progress, rate: reading.rates[task.ordinal] ?? 0,
        isRunning: task.state == .processing),
      message: history.latestLine, restorePoint: Self.restorePoint(task),
      attempt: Int32(clamping: history.lastAttempt),
      worker: history.lastWorker.map(ResourceName.worker) ?? "",
      startTime: history.started.map { .init($0) }, endTime: history.ended.map { .init($0) },
      inStopSet: session.stop?.request.stopSet.contains(task.ordinal) ?? false)
  }

  private static func host(_ task: TaskHistory) -> String {
    (task.current?.host ?? task.commit?.host ?? task.object.host)?.rawValue ?? ""
  }

  /// Listed only once it is committed and published.
  private static func restorePoint(_ task: TaskView) -> String {
    guard task.isPublished, case .restorePoint(let summary) = task.commitment else { return "" }
    return ResourceName.restorePoint(summary.id)
  }
}

extension BelayV1.TaskCounts {
  init(_ tasks: [TaskView]) {
    func count(_ state: BackupModel.TaskState) -> Int32 {
      Int32(clamping: tasks.count { $0.state == state })
    }
    self.init(
      total: Int32(clamping: tasks.count), pending: count(.pending), assigned: count(.assigned),
      processing: count(.processing), succeeded: count(.succeeded), warning: count(.warning),
      failed: count(.failed), canceled: count(.canceled), skipped: count(.skipped))
  }
}

extension BelayV1.StopRequest {
  init(_ stop: SessionHistory.Stop, in history: SessionHistory) {
    self.init(
      id: stop.request.id.rawValue, mode: .init(stop.request.mode),
      requester: .init(stop.request.requester), acceptTime: .init(stop.request.accepted),
      deadline: stop.request.deadline.map { .init($0) },
      stopSet: stop.request.stopSet.map {
        ResourceName.task(history.job.id, TaskID(session: history.id, ordinal: $0))
      },
      escalation: stop.escalation.map { .init($0, at: stop.immediateSince) })
  }
}

extension BelayV1.StopEscalation {
  init(_ cause: EscalationCause, at time: Timestamp?) {
    let wire: Cause =
      switch cause {
      case .user(let requester): .requester(.init(requester))
      case .deadline(let deadline): .deadline(.init(deadline))
      }
    self.init(time: time.map { .init($0) }, cause: wire)
  }
}

extension BelayV1.StopDisposition {
  init(_ outcome: StopOutcome) {
    switch outcome {
    case .accepted: self = .accepted
    case .escalated: self = .escalated
    case .deadlineTightened: self = .tightened
    case .repeated, .laterDeadlineIgnored: self = .alreadyStopping
    case .alreadyStopped: self = .alreadyStopped
    }
  }
}

extension BelayV1.LogRecord {
  init(_ line: LogLine, in history: SessionHistory) {
    let severity: BelayV1.LogSeverity =
      switch line.level {
      case .information: .info
      case .warning: .warning
      case .error: .error
      }
    self.init(
      sequence: Int64(line.sequence), time: .init(line.time), severity: severity,
      message: line.text,
      task: line.task.map {
        ResourceName.task(history.job.id, TaskID(session: history.id, ordinal: $0))
      } ?? "")
  }
}

extension BelayV1.Progress {
  /// - Parameter isRunning: whether a rate still means something.
  init(_ progress: TaskProgress, rate: UInt64, isRunning: Bool) {
    self.init(
      totalBytes: progress.totalBytes, processedBytes: progress.processedBytes,
      readBytes: progress.readBytes, storedBytes: progress.storedBytes)
    guard isRunning, rate > 0 else { return }
    bytesPerSecond = rate
    guard progress.totalBytes >= progress.processedBytes, progress.totalBytes > 0 else { return }
    let left = progress.totalBytes - progress.processedBytes
    remaining = GoogleProtobuf.Duration(seconds: Int64(clamping: left / rate))
  }
}

/// What a session waits for, in words.
enum WaitText {
  static func of(_ view: SessionView) -> String {
    let names = { (wait: TaskView.Wait) in
      view.tasks.filter { $0.wait == wait }.map(\.history.object.virtualMachine.rawValue)
    }
    func list(_ text: String, _ vms: [String]) -> String {
      "\(text): \(vms.joined(separator: ", "))"
    }
    switch view.state {
    case .starting: return ""
    case .waitingSlot: return "a worker with a free slot"
    case .postprocessing: return "checkpoints to be removed: \(view.history.checkpointsLeft)"
    case .stopping:
      let unwinding = names(.unwinding)
      if !unwinding.isEmpty { return list("VMs to be canceled", unwinding) }
      let inProcess = view.tasks.filter { !$0.state.isTerminal }
      if !inProcess.isEmpty {
        return list(
          "VMs in process", inProcess.map(\.history.object.virtualMachine.rawValue))
      }
      return "checkpoints to be removed: \(view.history.checkpointsLeft)"
    case .working:
      for (wait, text) in [
        (TaskView.Wait.leftovers, "what earlier attempts left to be removed"),
        (.publication, "restore points to be published"),
        (.worker, "a worker with a free slot"),
      ] where !names(wait).isEmpty {
        return list(text, names(wait))
      }
      return ""
    case .stopped:
      let left = view.history.checkpointsLeft
      return left == 0 ? "" : "checkpoints to be removed: \(left)"
    }
  }
}
