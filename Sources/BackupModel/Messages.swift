/// The exact texts of semantics.md §8. Whoever shows or compares a message takes it from here.
package enum Message {
  package static let canceledByUser = "Operation was canceled by user"
  package static let notProcessed = "Not processed: job was stopped before processing started"
  package static let buildingList = "Building list of objects to process"
  package static let removingCheckpoint = "Removing VM checkpoint"
  package static let checkpointRemoved = "VM checkpoint removed"
  package static let immediateStopInProgress = "An immediate stop is already in progress"
  package static let windowEnded = "Job was stopped because the backup window ended"

  package static func started(at time: Timestamp) -> String { "Job started at \(time)" }

  package static func processing(_ vm: VirtualMachineID) -> String { "Processing \(vm)" }

  package static func processingFinished(at time: Timestamp) -> String {
    "Processing finished at \(time)"
  }

  package static func stoppedImmediately(by user: String, reason: String) -> String {
    "Job is being stopped immediately by \(user): \(reason)"
  }

  package static func stoppedGracefully(by user: String, waitingFor vms: [VirtualMachineID])
    -> String
  {
    "Job is being stopped gracefully by \(user), waiting for \(vms.count) VM(s): "
      + vms.map(\.rawValue).joined(separator: ", ")
  }

  package static func gracefulStopDone(done: Int, total: Int, skipped: Int) -> String {
    "Job was stopped gracefully: \(done) of \(total) VM(s) processed, \(skipped) not started"
  }

  package static func escalated(_ cause: EscalationCause, canceled: Int) -> String {
    let by =
      switch cause {
      case .user(let requester): "by user \(requester.principal)"
      case .deadline(let time): "deadline \(time) reached"
      }
    return "Graceful stop escalated to immediate stop (\(by)), \(canceled) VM(s) canceled"
  }

  package static func checkpointRemovalFailed(
    _ name: CheckpointName, attempt: Int, error: String
  ) -> String {
    "Checkpoint \(name) could not be removed, attempt \(attempt): \(error); will be retried"
  }

  package static func checkpointsLeft(_ count: Int, operation: String) -> String {
    "\(count) checkpoint(s) still to be removed, see operation \(operation)"
  }

  package static func gracefulStopNotSupported(_ type: JobType) -> String {
    "Graceful stop is not supported for \(type.title) jobs; stop the job immediately instead"
  }

  package static func notRunning(_ job: JobID) -> String { "Job \(job) is not running" }

  package static func workerLost(_ worker: WorkerID, nextAttempt: Int) -> String {
    "Worker \(worker) was lost; processing will be repeated (attempt \(nextAttempt))"
  }

  package static func restarted(isStopping: Bool) -> String {
    isStopping
      ? "Coordinator restarted; stop continues" : "Coordinator restarted; session resumed"
  }

  package static func restorePointImpossible(of vm: VirtualMachineID, error: String) -> String {
    "No restore point of \(vm) was made, because it can never be published: \(error). Verify the repository, then run the job again"
  }

  package static func restoreImpossible(to target: String, error: String) -> String {
    "Nothing was restored to \(target): \(error). Start the restore again, to a new directory in one that exists"
  }

  package static func publicationPending(of vm: VirtualMachineID) -> String {
    "\(vm) is committed and not visible yet; this goes on after the stop"
  }

  package static func restoreCanceled(target: String, isRemoved: Bool) -> String {
    "Restore was canceled; target \(target) was \(isRemoved ? "removed" : "left incomplete and marked")"
  }
}
