/// What a job does with each of its objects (semantics.md §9).
package enum JobType: String, Sendable, Codable, CaseIterable {
  case vmBackup
  case replication
  case unstructuredDataBackup
  case fileCopy
  case backupCopy
  case restore

  /// Whether a graceful stop is possible: the mission's two lists (R12, R13).
  package var allowsGracefulStop: Bool {
    switch self {
    case .vmBackup, .replication, .unstructuredDataBackup: true
    case .fileCopy, .backupCopy, .restore: false
    }
  }

  /// The type's name as people read it in messages.
  package var title: String {
    switch self {
    case .vmBackup: "VM Backup"
    case .replication: "Replication"
    case .unstructuredDataBackup: "Unstructured Data Backup"
    case .fileCopy: "File Copy"
    case .backupCopy: "Backup Copy"
    case .restore: "Restore"
    }
  }
}

/// Whether a VM that no worker can serve now holds back those behind it (R14).
package enum StartOrder: String, Sendable, Codable, CaseIterable {
  case strict
  case bestEffort
}

/// One object of a job: a virtual machine on a hypervisor that some worker drives.
package struct JobObject: Hashable, Sendable, Codable {
  package var virtualMachine: VirtualMachineID
  /// The hypervisor driver that knows the VM, such as `disk-images`.
  package var hypervisor: String
  /// The host that the VM is on. Nil: any worker with that driver will find it.
  package var host: HostID?

  package init(virtualMachine: VirtualMachineID, hypervisor: String, host: HostID? = nil) {
    self.virtualMachine = virtualMachine
    self.hypervisor = hypervisor
    self.host = host
  }
}

/// What a Restore job writes, and where.
package struct RestoreSettings: Hashable, Sendable, Codable {
  package var restorePoint: RestorePointID
  /// An absolute path on the worker: the directory that is to hold the restored disk images. It must not exist.
  package var targetDirectory: String
  package var format: DiskImageFormat

  package init(restorePoint: RestorePointID, targetDirectory: String, format: DiskImageFormat) {
    self.restorePoint = restorePoint
    self.targetDirectory = targetDirectory
    self.format = format
  }
}

/// The file formats that disk images are read from and restored to.
package enum DiskImageFormat: String, Sendable, Codable, CaseIterable {
  case raw
  case qcow2
  case vhdx
  case vmdk
}

/// What its owner set for a job.
package struct JobSettings: Hashable, Sendable, Codable {
  /// Where restore points go.
  package var repository: RepositoryID
  /// How many VMs of one session may be in process at once; at least 1.
  package var parallelism: Int
  package var order: StartOrder
  /// How many workers may in turn try one VM before it fails; at least 1.
  package var maxAttempts: Int
  /// Set for Restore jobs only.
  package var restore: RestoreSettings?

  package init(
    repository: RepositoryID, parallelism: Int = 1, order: StartOrder = .strict,
    maxAttempts: Int = 3, restore: RestoreSettings? = nil
  ) {
    self.repository = repository
    self.parallelism = parallelism
    self.order = order
    self.maxAttempts = maxAttempts
    self.restore = restore
  }
}

/// A definition that sessions are started from: a type, an ordered list of objects, settings.
package struct Job: Hashable, Sendable, Codable {
  package let id: JobID
  package let type: JobType
  /// Processed in this order (R14).
  package var objects: [JobObject]
  package var settings: JobSettings
  package var description: String
  /// A disabled job cannot be started.
  package var isDisabled: Bool
  package let created: Timestamp
  package var updated: Timestamp
  /// Counts the changes made to the job: its etag.
  package var revision: Int

  package init(
    id: JobID, type: JobType, objects: [JobObject], settings: JobSettings, description: String = "",
    isDisabled: Bool = false, created: Timestamp, updated: Timestamp, revision: Int = 1
  ) {
    self.id = id
    self.type = type
    self.objects = objects
    self.settings = settings
    self.description = description
    self.isDisabled = isDisabled
    self.created = created
    self.updated = updated
    self.revision = revision
  }
}
