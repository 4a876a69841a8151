internal import BackupModel
internal import BelayAPI
internal import GRPC

extension BackupModel.TaskSpecification {
  init(reading wire: BelayV1.TaskSpecification?, at field: String) throws(RPCError) {
    let wire = try Wire.required(wire, at: field)
    let restore: BackupModel.RestoreSettings? =
      if let settings = wire.restore { try .init(reading: settings, at: field + ".restore") } else {
        nil
      }
    let type = try Wire.required(BackupModel.JobType(wire.type), at: field + ".type")
    guard (type == .restore) == (restore != nil) else {
      throw Wire.invalid(field + ".restore", "must be set for Restore tasks, and only for them")
    }
    self.init(
      attempt: try AttemptID(reading: wire.attempt, at: field + ".attempt"),
      job: try Wire.identifier(wire.job, at: field + ".job"), type: type,
      object: try BackupModel.JobObject(reading: wire.object, at: field + ".object"),
      repository: try Wire.identifier(wire.repository, at: field + ".repository"),
      repositoryPath: try Wire.path(wire.repositoryPath, at: field + ".repository_path"),
      sessionStarted: try Wire.timestamp(
        wire.sessionStartTime, at: field + ".session_start_time"),
      restore: restore)
  }
}

extension BelayV1.TaskSpecification {
  init(writing task: BackupModel.TaskSpecification) {
    self.init(
      attempt: .init(writing: task.attempt), job: task.job.rawValue,
      type: .init(task.type),
      object: BelayV1.JobObject(
        virtualMachine: task.object.virtualMachine.rawValue, hypervisor: task.object.hypervisor,
        host: task.object.host?.rawValue ?? ""),
      repository: task.repository.rawValue, repositoryPath: task.repositoryPath,
      sessionStartTime: .init(
        nanosecondsSinceEpoch: task.sessionStarted.nanosecondsSinceEpoch),
      restore: task.restore.map {
        BelayV1.RestoreSettings(
          restorePoint: "\($0.restorePoint)", targetDirectory: $0.targetDirectory,
          format: .init($0.format))
      })
  }
}

extension BackupModel.JobObject {
  init(reading wire: BelayV1.JobObject?, at field: String) throws(RPCError) {
    let wire = try Wire.required(wire, at: field)
    self.init(
      virtualMachine: try Wire.identifier(wire.virtualMachine, at: field + ".virtual_machine"),
      hypervisor: try Wire.name(wire.hypervisor, at: field + ".hypervisor"),
      host: wire.host.isEmpty ? nil : try Wire.identifier(wire.host, at: field + ".host"))
  }
}

extension BackupModel.RestoreSettings {
  init(reading wire: BelayV1.RestoreSettings, at field: String) throws(RPCError) {
    guard let point = RestorePointID(validating: wire.restorePoint) else {
      throw Wire.invalid(field + ".restore_point", "is not a restore point's id")
    }
    self.init(
      restorePoint: point,
      targetDirectory: try Wire.path(wire.targetDirectory, at: field + ".target_directory"),
      format: try Wire.required(BackupModel.DiskImageFormat(wire.format), at: field + ".format"))
  }
}
