package import BackupModel

/// The restore points that can be seen: committed and published. A port: the executable answers it from the
/// repositories.
package protocol RestorePointCatalog: Sendable {
  /// Restore points newest first, those that follow `last` in that order; at most `limit`.
  func restorePoints(
    matching filter: RestorePointFilter, after last: RestorePointID?, limit: Int
  ) async throws(CatalogError) -> [CatalogedRestorePoint]

  /// Throws `notFound` if there is none of that name.
  func restorePoint(_ id: RestorePointID) async throws(CatalogError) -> CatalogedRestorePoint

  /// Reads a restore point back and compares it with its digests. Ends early, with CancellationError's meaning as
  /// `unavailable`, when the task is canceled.
  func verify(_ id: RestorePointID, _ level: CatalogVerification.Level)
    async throws(CatalogError) -> CatalogVerification
}

/// Which restore points are asked for; nil: all.
package struct RestorePointFilter: Sendable, Hashable {
  package var virtualMachine: VirtualMachineID?
  package var job: JobID?
  package var session: SessionID?
  package var repository: RepositoryID?

  package init(
    virtualMachine: VirtualMachineID? = nil, job: JobID? = nil, session: SessionID? = nil,
    repository: RepositoryID? = nil
  ) {
    self.virtualMachine = virtualMachine
    self.job = job
    self.session = session
    self.repository = repository
  }
}

/// What is known of one restore point.
package struct CatalogedRestorePoint: Sendable, Hashable {
  package struct Disk: Sendable, Hashable {
    package var id: DiskID
    /// Its virtual size in bytes.
    package var size: UInt64

    package init(id: DiskID, size: UInt64) {
      self.id = id
      self.size = size
    }
  }

  package var summary: RestorePointSummary
  package var job: JobID
  /// The start of its session.
  package var created: Timestamp
  package var disks: [Disk]

  package init(summary: RestorePointSummary, job: JobID, created: Timestamp, disks: [Disk]) {
    self.summary = summary
    self.job = job
    self.created = created
    self.disks = disks
  }
}

/// What reading a restore point back has shown.
package struct CatalogVerification: Sendable, Hashable {
  package enum Level: Sendable, Hashable {
    case checksums
    case content
  }

  /// A range of a disk that can't be read back.
  package struct Damage: Sendable, Hashable {
    package var disk: String
    package var offset: UInt64
    package var length: UInt64
    package var message: String

    package init(disk: String, offset: UInt64, length: UInt64, message: String) {
      self.disk = disk
      self.offset = offset
      self.length = length
      self.message = message
    }
  }

  package var restorePoint: CatalogedRestorePoint
  package var damages: [Damage]
  package var verifiedBytes: UInt64

  package init(
    restorePoint: CatalogedRestorePoint, damages: [Damage], verifiedBytes: UInt64
  ) {
    self.restorePoint = restorePoint
    self.damages = damages
    self.verifiedBytes = verifiedBytes
  }
}

/// Why the catalog could not answer.
package struct CatalogError: Error, Sendable, Hashable {
  package enum Code: Sendable, Hashable {
    case notFound
    /// Not even the manifest can be read.
    case corrupt
    case unavailable
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
