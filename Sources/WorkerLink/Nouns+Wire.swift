internal import BackupModel
internal import BelayAPI
internal import GRPC

extension AttemptID {
  init(reading wire: BelayV1.AttemptId?, at field: String) throws(RPCError) {
    let wire = try Wire.required(wire, at: field)
    self.init(
      task: TaskID(
        session: try Wire.identifier(wire.session, at: field + ".session"),
        ordinal: try Wire.positive(wire.task, at: field + ".task")),
      number: try Wire.positive(wire.number, at: field + ".number"))
  }
}

extension BelayV1.AttemptId {
  init(writing attempt: AttemptID) {
    self.init(
      session: attempt.task.session.rawValue, task: Int32(clamping: attempt.task.ordinal),
      number: Int32(clamping: attempt.number))
  }
}

extension BackupModel.CheckpointRecord {
  init(reading wire: BelayV1.CheckpointRecord, at field: String) throws(RPCError) {
    guard let name = CheckpointName(validating: wire.name) else {
      throw Wire.invalid(field + ".name", "is not a name of Belay's checkpoints")
    }
    self.init(
      name: name, host: try Wire.identifier(wire.host, at: field + ".host"),
      hypervisor: try Wire.name(wire.hypervisor, at: field + ".hypervisor"),
      virtualMachine: try Wire.identifier(wire.virtualMachine, at: field + ".virtual_machine"))
  }
}

extension BelayV1.CheckpointRecord {
  init(writing record: BackupModel.CheckpointRecord) {
    self.init(
      name: "\(record.name)", host: record.host.rawValue, hypervisor: record.hypervisor,
      virtualMachine: record.virtualMachine.rawValue)
  }
}

extension BackupModel.Commitment {
  init(reading wire: BelayV1.Commitment, at field: String) throws(RPCError) {
    switch wire.kind {
    case .restorePoint(let summary)?:
      self = .restorePoint(
        try RestorePointSummary(reading: summary, at: field + ".restore_point"))
    case .restoredDisks(let disks)?:
      self = .restoredDisks(
        targetDirectory: try Wire.path(
          disks.targetDirectory, at: field + ".restored_disks.target_directory"),
        bytes: disks.bytes)
    case nil: throw Wire.missing(field + ".kind")
    }
  }
}

extension BelayV1.Commitment {
  init(writing commitment: BackupModel.Commitment) {
    switch commitment {
    case .restorePoint(let summary):
      self.init(
        kind: .restorePoint(
          BelayV1.RestorePointSummary(
            id: "\(summary.id)", virtualMachine: summary.virtualMachine.rawValue,
            repository: summary.repository.rawValue, manifestDigest: summary.manifestDigest,
            logicalBytes: summary.logicalBytes, storedBytes: summary.storedBytes)))
    case .restoredDisks(let directory, let bytes):
      self.init(kind: .restoredDisks(.init(targetDirectory: directory, bytes: bytes)))
    }
  }
}

extension BackupModel.RestorePointSummary {
  init(reading wire: BelayV1.RestorePointSummary, at field: String) throws(RPCError) {
    guard let id = RestorePointID(validating: wire.id) else {
      throw Wire.invalid(field + ".id", "is not a restore point's id")
    }
    guard wire.manifestDigest.utf8.count == 64,
      wire.manifestDigest.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
    else {
      throw Wire.invalid(field + ".manifest_digest", "is not a SHA-256 in lower-case hexadecimal")
    }
    self.init(
      id: id,
      virtualMachine: try Wire.identifier(wire.virtualMachine, at: field + ".virtual_machine"),
      repository: try Wire.identifier(wire.repository, at: field + ".repository"),
      manifestDigest: wire.manifestDigest, logicalBytes: wire.logicalBytes,
      storedBytes: wire.storedBytes)
  }
}
