package import BackupModel

/// What a restore point's file says: one VM's disks as they were at one moment.
package struct RestorePoint: Hashable, Sendable {
  package struct Disk: Hashable, Sendable {
    package let id: DiskID
    /// The virtual size in bytes.
    package let size: UInt64
    /// The directory pages of the disk, one for each 4 GiB, in order; zero: nothing but zeros.
    let directories: [BlobID]
    /// SHA-256 over the size and the directories: two disks with one root are equal.
    let root: BlobID
  }

  package let id: RestorePointID
  package let attempt: AttemptID
  package let job: JobID
  package let virtualMachine: VirtualMachineID
  package let repository: RepositoryID
  package let sessionStarted: Timestamp
  /// When all was staged.
  package let staged: Timestamp
  package let disks: [Disk]
  /// Bytes added to the repository for it.
  package let storedBytes: UInt64
  /// The collector's generation that its writer registered under.
  let generation: UInt32
}

/// A restore point as the repository lists it.
package enum ListedRestorePoint: Sendable {
  case whole(RestorePoint, RestorePointSummary)
  /// The file is there and is not what was written. The others are not affected.
  case damaged(DamagedRestorePoint)

  package var virtualMachine: VirtualMachineID {
    switch self {
    case .whole(let point, _): point.virtualMachine
    case .damaged(let damaged): damaged.virtualMachine
    }
  }
}

/// A restore point whose file cannot be believed.
package struct DamagedRestorePoint: Hashable, Sendable {
  package let virtualMachine: VirtualMachineID
  /// As the file's name says. Nil: not even that.
  package let id: RestorePointID?
  /// Relative to the repository.
  package let path: String
  package let reason: String
}
