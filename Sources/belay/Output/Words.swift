import BelayAPI

/// The words for the API's enumerations, as people read them.
enum Words {
  static func of(_ type: BelayV1.JobType) -> String {
    switch type {
    case .vmBackup: "VM Backup"
    case .replication: "Replication"
    case .unstructuredDataBackup: "Unstructured Data Backup"
    case .fileCopy: "File Copy"
    case .backupCopy: "Backup Copy"
    case .restore: "Restore"
    default: "?"
    }
  }

  static func of(_ state: BelayV1.SessionState) -> String {
    switch state {
    case .starting: "Starting"
    case .waitingSlot: "Waiting for a worker"
    case .working: "Working"
    case .postprocessing: "Postprocessing"
    case .stopping: "Stopping"
    case .stopped: "Stopped"
    default: "?"
    }
  }

  static func of(_ result: BelayV1.SessionResult) -> String {
    switch result {
    case .success: "Success"
    case .warning: "Warning"
    case .failed: "Failed"
    default: "-"
    }
  }

  static func of(_ state: BelayV1.TaskState) -> String {
    switch state {
    case .pending: "Waiting"
    case .assigned: "Assigned"
    case .processing: "Processing"
    case .succeeded: "Success"
    case .warning: "Warning"
    case .failed: "Failed"
    case .canceled: "Canceled"
    case .skipped: "Skipped"
    default: "?"
    }
  }

  static func of(_ phase: BelayV1.TaskPhase) -> String {
    switch phase {
    case .preparing: "preparing"
    case .creatingCheckpoint: "creating checkpoint"
    case .transferring: "transferring"
    case .finalizing: "finalizing"
    case .removingCheckpoint: "removing checkpoint"
    default: ""
    }
  }

  static func of(_ state: BelayV1.WorkerState) -> String {
    switch state {
    case .ready: "Ready"
    case .draining: "Draining"
    case .disconnected: "Disconnected"
    case .lost: "Lost"
    case .quarantined: "Quarantined"
    default: "?"
    }
  }
}
