internal import BackupModel
import Repository
import WorkerCore

/// Cleans up after an attempt whose worker is gone. Calls block; done already counts as done.
struct DutyWork: Sendable {
  let checkpoints: CheckpointWork

  /// Nil: done. Else why it could not be done.
  func perform(_ duty: Duty) -> StepFailure? {
    do {
      switch duty {
      case .removeCheckpoint(let record): try checkpoints.remove(record)
      case .publish(let specification, .restorePoint(let summary)):
        try Repository.publish(summary, of: specification)
      case .publish(let specification, .restoredDisks(let path, _)):
        try RestoreTarget(path: path, attempt: specification.attempt).publish()
      case .discardStaging(let specification):
        if let restore = specification.restore, specification.type == .restore {
          try RestoreTarget(path: restore.targetDirectory, attempt: specification.attempt)
            .removePartial()
        } else {
          try Repository.open(at: specification.repositoryPath).discard(specification.attempt)
        }
      }
      return nil
    } catch {
      return StepFailure(error)
    }
  }
}
