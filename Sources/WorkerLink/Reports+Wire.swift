internal import BackupModel
internal import BelayAPI
internal import GRPC

extension BackupModel.WorkerRegistration {
  init(reading wire: BelayV1.WorkerRegistration, at field: String) throws(RPCError) {
    self.init(
      worker: try Wire.identifier(wire.worker, at: field + ".worker"),
      incarnation: try Wire.name(wire.incarnation, at: field + ".incarnation"),
      host: try Wire.identifier(wire.host, at: field + ".host"),
      slots: try Wire.positive(wire.slots, at: field + ".slots"),
      hypervisors: wire.hypervisors,
      leftovers: try Wire.each(
        wire.leftovers, at: field + ".leftovers", CheckpointRecord.init(reading:at:)))
  }
}

extension BelayV1.WorkerRegistration {
  init(writing registration: BackupModel.WorkerRegistration) {
    self.init(
      worker: registration.worker.rawValue, incarnation: registration.incarnation,
      host: registration.host.rawValue, slots: Int32(clamping: registration.slots),
      hypervisors: registration.hypervisors,
      leftovers: registration.leftovers.map { .init(writing: $0) })
  }
}

extension BackupModel.WorkerReport {
  init(reading wire: BelayV1.WorkerReport, at field: String) throws(RPCError) {
    self.init(
      attempts: try Wire.each(
        wire.attempts, at: field + ".attempts", AttemptReport.init(reading:at:)),
      duties: try Wire.each(wire.duties, at: field + ".duties", DutyReport.init(reading:at:)),
      isDraining: wire.draining)
  }
}

extension BelayV1.WorkerReport {
  init(writing report: BackupModel.WorkerReport, epoch: Int) {
    self.init(
      epoch: Int64(epoch), attempts: report.attempts.map { .init(writing: $0) },
      duties: report.duties.map { .init(writing: $0) }, draining: report.isDraining)
  }
}

extension BackupModel.AttemptReport {
  init(reading wire: BelayV1.AttemptReport, at field: String) throws(RPCError) {
    let progress = wire.progress ?? BelayV1.Progress()
    self.init(
      attempt: try AttemptID(reading: wire.attempt, at: field + ".attempt"),
      phase: try Wire.required(TaskPhase(wire.phase), at: field + ".phase"),
      progress: TaskProgress(
        totalBytes: progress.totalBytes, processedBytes: progress.processedBytes,
        readBytes: progress.readBytes, storedBytes: progress.storedBytes),
      checkpoint: try Checkpoint(reading: wire.checkpoint, at: field + ".checkpoint"),
      isPublished: wire.published)
    if let commitment = wire.readyToCommit {
      readyToCommit = try Commitment(reading: commitment, at: field + ".ready_to_commit")
    }
    if let outcome = wire.outcome {
      self.outcome = try AttemptOutcome(reading: outcome, at: field + ".outcome")
    }
  }
}

extension BelayV1.AttemptReport {
  init(writing report: BackupModel.AttemptReport) {
    self.init(
      attempt: .init(writing: report.attempt), phase: .init(report.phase),
      progress: BelayV1.Progress(
        totalBytes: report.progress.totalBytes, processedBytes: report.progress.processedBytes,
        readBytes: report.progress.readBytes, storedBytes: report.progress.storedBytes),
      checkpoint: .init(writing: report.checkpoint),
      readyToCommit: report.readyToCommit.map { .init(writing: $0) },
      published: report.isPublished, outcome: report.outcome.map { .init(writing: $0) })
  }
}

extension BackupModel.AttemptReport.Checkpoint {
  init(reading wire: BelayV1.AttemptCheckpoint?, at field: String) throws(RPCError) {
    switch wire?.kind {
    case .notCreated?: self = .none
    case .created?: self = .created
    case .removed?: self = .removed
    case .removalFailed(let failure)?:
      self = .removalFailed(
        tries: try Wire.positive(failure.tries, at: field + ".removal_failed.tries"),
        message: failure.message)
    case nil: throw Wire.missing(field + ".kind")
    }
  }
}

extension BelayV1.AttemptCheckpoint {
  init(writing checkpoint: BackupModel.AttemptReport.Checkpoint) {
    switch checkpoint {
    case .none: self.init(kind: .notCreated(.init()))
    case .created: self.init(kind: .created(.init()))
    case .removed: self.init(kind: .removed(.init()))
    case .removalFailed(let tries, let message):
      self.init(
        kind: .removalFailed(
          .init(tries: Int32(clamping: tries), message: Wire.text(message))))
    }
  }
}

extension BackupModel.AttemptOutcome {
  init(reading wire: BelayV1.AttemptOutcome, at field: String) throws(RPCError) {
    switch wire.kind {
    case .succeeded?: self = .succeeded
    case .failed(let failure)?:
      self = .failed(message: failure.message, isRetryable: failure.retryable)
    case .canceled?: self = .canceled
    case nil: throw Wire.missing(field + ".kind")
    }
  }
}

extension BelayV1.AttemptOutcome {
  init(writing outcome: BackupModel.AttemptOutcome) {
    switch outcome {
    case .succeeded: self.init(kind: .succeeded(.init()))
    case .failed(let message, let isRetryable):
      self.init(kind: .failed(.init(message: Wire.text(message), retryable: isRetryable)))
    case .canceled: self.init(kind: .canceled(.init()))
    }
  }
}

extension BackupModel.DutyReport {
  init(reading wire: BelayV1.DutyReport, at field: String) throws(RPCError) {
    let duty = try Duty(reading: wire.duty, at: field + ".duty")
    switch wire.result {
    case .done?: self.init(duty: duty)
    case .failure(let message)?:
      self.init(duty: duty, failure: message, isPermanent: wire.permanent)
    case nil: throw Wire.missing(field + ".result")
    }
  }
}

extension BelayV1.DutyReport {
  init(writing report: BackupModel.DutyReport) {
    let result: Result =
      if let failure = report.failure { .failure(Wire.text(failure)) } else { .done(.init()) }
    self.init(
      duty: .init(writing: report.duty), result: result, permanent: report.isPermanent)
  }
}
