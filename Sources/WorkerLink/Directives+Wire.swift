internal import BackupModel
internal import BelayAPI
internal import GRPC

extension BackupModel.Directive {
  init(reading wire: BelayV1.Directive, at field: String) throws(RPCError) {
    switch wire.kind {
    case .assign(let task)?:
      self = .assign(try TaskSpecification(reading: task, at: field + ".assign"))
    case .proceed(let attempt)?:
      self = .proceed(try AttemptID(reading: attempt, at: field + ".proceed"))
    case .commit(let attempt)?:
      self = .commit(try AttemptID(reading: attempt, at: field + ".commit"))
    case .cancel(let attempt)?:
      self = .cancel(try AttemptID(reading: attempt, at: field + ".cancel"))
    case .abandon(let attempt)?:
      self = .abandon(try AttemptID(reading: attempt, at: field + ".abandon"))
    case .release(let attempt)?:
      self = .release(try AttemptID(reading: attempt, at: field + ".release"))
    case .perform(let duty)?:
      self = .perform(try Duty(reading: duty, at: field + ".perform"))
    case nil: throw Wire.missing(field + ".kind")
    }
  }
}

extension BelayV1.Directive {
  init(writing directive: BackupModel.Directive) {
    switch directive {
    case .assign(let task): self.init(kind: .assign(.init(writing: task)))
    case .proceed(let attempt): self.init(kind: .proceed(.init(writing: attempt)))
    case .commit(let attempt): self.init(kind: .commit(.init(writing: attempt)))
    case .cancel(let attempt): self.init(kind: .cancel(.init(writing: attempt)))
    case .abandon(let attempt): self.init(kind: .abandon(.init(writing: attempt)))
    case .release(let attempt): self.init(kind: .release(.init(writing: attempt)))
    case .perform(let duty): self.init(kind: .perform(.init(writing: duty)))
    }
  }
}

extension BackupModel.Duty {
  init(reading wire: BelayV1.Duty?, at field: String) throws(RPCError) {
    switch try Wire.required(wire, at: field).kind {
    case .removeCheckpoint(let record)?:
      self = .removeCheckpoint(
        try CheckpointRecord(reading: record, at: field + ".remove_checkpoint"))
    case .publish(let publish)?:
      let field = field + ".publish"
      self = .publish(
        try TaskSpecification(reading: publish.specification, at: field + ".specification"),
        try Commitment(
          reading: try Wire.required(publish.commitment, at: field + ".commitment"),
          at: field + ".commitment"))
    case .discardStaging(let task)?:
      self = .discardStaging(
        try TaskSpecification(reading: task, at: field + ".discard_staging"))
    case nil: throw Wire.missing(field + ".kind")
    }
  }
}

extension BelayV1.Duty {
  init(writing duty: BackupModel.Duty) {
    switch duty {
    case .removeCheckpoint(let record):
      self.init(kind: .removeCheckpoint(.init(writing: record)))
    case .publish(let task, let commitment):
      self.init(
        kind: .publish(
          .init(
            specification: .init(writing: task), commitment: .init(writing: commitment))))
    case .discardStaging(let task): self.init(kind: .discardStaging(.init(writing: task)))
    }
  }
}
