package import BackupModel

/// What a writer must know of a restore point before the first byte.
package struct RestorePointPlan: Hashable, Sendable {
  package struct Disk: Hashable, Sendable {
    package let id: DiskID
    /// The virtual size in bytes.
    package let size: UInt64

    package init(id: DiskID, size: UInt64) {
      self.id = id
      self.size = size
    }
  }

  package let attempt: AttemptID
  package let job: JobID
  package let virtualMachine: VirtualMachineID
  /// The name that the coordinator has for the repository; it goes into the summary.
  package let repository: RepositoryID
  /// When the session started: the time in the restore point's name, the same for every attempt.
  package let sessionStarted: Timestamp
  /// In the VM's order. No two have one id.
  package let disks: [Disk]

  package init(
    attempt: AttemptID, job: JobID, virtualMachine: VirtualMachineID, repository: RepositoryID,
    sessionStarted: Timestamp, disks: [Disk]
  ) {
    self.attempt = attempt
    self.job = job
    self.virtualMachine = virtualMachine
    self.repository = repository
    self.sessionStarted = sessionStarted
    self.disks = disks
  }
}
