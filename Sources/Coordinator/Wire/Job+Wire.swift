internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC
internal import WorkerLink

extension BelayV1.Job {
  init(_ job: BackupModel.Job, active: SessionID?) {
    self.init(
      name: ResourceName.job(job.id), type: .init(job.type), objects: job.objects.map { .init($0) },
      settings: .init(job.settings), description: job.description, disabled: job.isDisabled,
      createTime: .init(job.created), updateTime: .init(job.updated), etag: Etag.text(job.revision),
      activeSession: active.map { ResourceName.session(job.id, $0) } ?? "")
  }
}

/// A job's etag is its revision.
enum Etag {
  static func text(_ revision: Int) -> String { "r\(revision)" }

  /// Nil: none was given. One that no job has ever had stays one that no job has.
  static func revision(_ etag: String) -> Int? {
    guard !etag.isEmpty else { return nil }
    guard etag.hasPrefix("r"), let revision = Int(etag.dropFirst()), revision >= 1 else {
      return -1
    }
    return revision
  }
}

extension JobDraft {
  init(_ id: String, _ wire: BelayV1.Job?) throws(RPCError) {
    guard let id = JobID(validating: id) else {
      throw .invalid("job_id", "'\(id.prefix(200))' is not \(JobID.grammar)")
    }
    guard let wire else { throw .invalid("job", "is missing") }
    guard let type = BackupModel.JobType(wire.type) else {
      throw .invalid("job.type", "is missing, or unknown here")
    }
    self.init(
      id: id, type: type, objects: try BackupModel.JobObject.list(wire.objects),
      settings: try BackupModel.JobSettings(wire.settings), description: wire.description,
      isDisabled: wire.disabled)
  }
}

extension JobChanges {
  /// What the paths of a field mask name; none: everything (AIP-134).
  init(_ wire: BelayV1.Job, mask: [String], current: BackupModel.Job) throws(RPCError) {
    self.init()
    let all = ["objects", "settings", "description", "disabled"]
    for path in mask.isEmpty || mask == ["*"] ? all : mask {
      switch path {
      case "objects": objects = try BackupModel.JobObject.list(wire.objects)
      case "settings": settings = try BackupModel.JobSettings(wire.settings)
      case "description": description = wire.description
      case "disabled": isDisabled = wire.disabled
      default:
        guard path.hasPrefix("settings.") else {
          throw .invalid("update_mask", "'\(path.prefix(200))' can't be changed")
        }
        var merged = settings ?? current.settings
        try merged.take(String(path.dropFirst(9)), from: wire.settings ?? .init())
        settings = merged
      }
    }
  }
}

extension BackupModel.JobObject {
  fileprivate static func list(_ wire: [BelayV1.JobObject]) throws(RPCError) -> [Self] {
    var objects: [Self] = []
    for (index, object) in wire.enumerated() {
      objects.append(try Self(object, field: "job.objects[\(index)]"))
    }
    return objects
  }

  private init(_ wire: BelayV1.JobObject, field: String) throws(RPCError) {
    guard let vm = VirtualMachineID(validating: wire.virtualMachine) else {
      throw .invalid(
        "\(field).virtual_machine",
        "'\(wire.virtualMachine.prefix(200))' is not \(VirtualMachineID.grammar)")
    }
    guard (1...128).contains(wire.hypervisor.utf8.count) else {
      throw .invalid("\(field).hypervisor", "it must have 1 to 128 bytes")
    }
    let host = HostID(validating: wire.host)
    guard wire.host.isEmpty || host != nil else {
      throw .invalid("\(field).host", "'\(wire.host.prefix(200))' is not \(HostID.grammar)")
    }
    self.init(virtualMachine: vm, hypervisor: wire.hypervisor, host: host)
  }
}

extension BackupModel.JobSettings {
  fileprivate init(_ wire: BelayV1.JobSettings?) throws(RPCError) {
    guard let wire else { throw .invalid("job.settings", "is missing") }
    self.init(
      repository: try ResourceName.parseRepository(
        wire.repository, field: "job.settings.repository"))
    for path in ["parallelism", "start_order", "max_attempts", "restore"] {
      try take(path, from: wire)
    }
  }

  /// One field, read with its default.
  fileprivate mutating func take(_ path: String, from wire: BelayV1.JobSettings) throws(RPCError) {
    switch path {
    case "repository":
      repository = try ResourceName.parseRepository(
        wire.repository, field: "job.settings.repository")
    case "parallelism": parallelism = wire.parallelism == 0 ? 1 : Int(wire.parallelism)
    case "max_attempts": maxAttempts = wire.maxAttempts == 0 ? 3 : Int(wire.maxAttempts)
    case "start_order":
      switch wire.startOrder {
      case .unspecified, .strict: order = .strict
      case .bestEffort: order = .bestEffort
      case .unrecognized: throw .invalid("job.settings.start_order", "is unknown here")
      }
    case "restore":
      restore = nil
      if let settings = wire.restore { restore = try BackupModel.RestoreSettings(settings) }
    default: throw .invalid("update_mask", "'settings.\(path.prefix(200))' can't be changed")
    }
  }
}

extension BackupModel.RestoreSettings {
  fileprivate init(_ wire: BelayV1.RestoreSettings) throws(RPCError) {
    let field = "job.settings.restore"
    let target = wire.targetDirectory
    guard target.hasPrefix("/"), target.utf8.count <= 4096, !target.utf8.contains(0) else {
      throw .invalid("\(field).target_directory", "it must be an absolute path")
    }
    guard let format = BackupModel.DiskImageFormat(wire.format) else {
      throw .invalid("\(field).format", "is missing, or unknown here")
    }
    self.init(
      restorePoint: try ResourceName.parseRestorePoint(
        wire.restorePoint, field: "\(field).restore_point"),
      targetDirectory: target, format: format)
  }
}

extension BelayV1.JobObject {
  init(_ object: BackupModel.JobObject) {
    self.init(
      virtualMachine: object.virtualMachine.rawValue, hypervisor: object.hypervisor,
      host: object.host?.rawValue ?? "")
  }
}

extension BelayV1.JobSettings {
  init(_ settings: BackupModel.JobSettings) {
    self.init(
      repository: ResourceName.repository(settings.repository),
      parallelism: Int32(clamping: settings.parallelism),
      startOrder: settings.order == .strict ? .strict : .bestEffort,
      maxAttempts: Int32(clamping: settings.maxAttempts),
      restore: settings.restore.map { restore in
        BelayV1.RestoreSettings(
          restorePoint: ResourceName.restorePoint(restore.restorePoint),
          targetDirectory: restore.targetDirectory, format: .init(restore.format))
      })
  }
}

extension BackupModel.JobType {
  /// Whether workers can process it in this version.
  var isBuilt: Bool {
    switch self {
    case .vmBackup, .restore: true
    case .replication, .unstructuredDataBackup, .fileCopy, .backupCopy: false
    }
  }
}
