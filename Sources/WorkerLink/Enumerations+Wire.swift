package import BackupModel
package import BelayAPI

// The enumerations that the worker link and the coordinator's services have in common.

extension BackupModel.JobType {
  /// Nil: the type is missing, or unknown to this version.
  package init?(_ wire: BelayV1.JobType) {
    switch wire {
    case .vmBackup: self = .vmBackup
    case .replication: self = .replication
    case .unstructuredDataBackup: self = .unstructuredDataBackup
    case .fileCopy: self = .fileCopy
    case .backupCopy: self = .backupCopy
    case .restore: self = .restore
    case .unspecified, .unrecognized: return nil
    }
  }
}

extension BelayV1.JobType {
  package init(_ value: BackupModel.JobType) {
    switch value {
    case .vmBackup: self = .vmBackup
    case .replication: self = .replication
    case .unstructuredDataBackup: self = .unstructuredDataBackup
    case .fileCopy: self = .fileCopy
    case .backupCopy: self = .backupCopy
    case .restore: self = .restore
    }
  }
}

extension BackupModel.DiskImageFormat {
  /// Nil: the format is missing, or unknown to this version.
  package init?(_ wire: BelayV1.DiskImageFormat) {
    switch wire {
    case .raw: self = .raw
    case .qcow2: self = .qcow2
    case .vhdx: self = .vhdx
    case .vmdk: self = .vmdk
    case .unspecified, .unrecognized: return nil
    }
  }
}

extension BelayV1.DiskImageFormat {
  package init(_ value: BackupModel.DiskImageFormat) {
    switch value {
    case .raw: self = .raw
    case .qcow2: self = .qcow2
    case .vhdx: self = .vhdx
    case .vmdk: self = .vmdk
    }
  }
}

extension BackupModel.TaskPhase {
  /// Nil: the phase is missing, or unknown to this version.
  package init?(_ wire: BelayV1.TaskPhase) {
    switch wire {
    case .preparing: self = .preparing
    case .creatingCheckpoint: self = .creatingCheckpoint
    case .transferring: self = .transferring
    case .finalizing: self = .finalizing
    case .removingCheckpoint: self = .removingCheckpoint
    case .unspecified, .unrecognized: return nil
    }
  }
}

extension BelayV1.TaskPhase {
  package init(_ value: BackupModel.TaskPhase) {
    switch value {
    case .preparing: self = .preparing
    case .creatingCheckpoint: self = .creatingCheckpoint
    case .transferring: self = .transferring
    case .finalizing: self = .finalizing
    case .removingCheckpoint: self = .removingCheckpoint
    }
  }
}
