package import BackupModel

/// A restore point open for reading.
package final class RestorePointReader: Sendable {
  package let restorePoint: RestorePoint
  package let summary: RestorePointSummary
  private let blobs: StoredBlobs
  private let threads: Int

  init(
    _ repository: Repository, _ restorePoint: RestorePoint, _ summary: RestorePointSummary
  ) throws(RepositoryError) {
    self.restorePoint = restorePoint
    self.summary = summary
    blobs = try StoredBlobs(repository)
    threads = repository.environment.threads
  }

  /// Opens one disk. Throws `notFound`.
  package func openDisk(_ id: DiskID) throws(RepositoryError) -> StoredDisk {
    guard let disk = restorePoint.disks.first(where: { $0.id == id }) else {
      throw RepositoryError(.notFound, "restore point \(restorePoint.id) has no disk \(id)")
    }
    return StoredDisk(disk, of: restorePoint, blobs, threads: threads)
  }

  /// Checks this restore point alone: its pages, and every chunk decompressed and hashed. Returns the ranges that
  /// cannot be restored.
  package func verify(
    cancellation: Cancellation = Cancellation()
  ) throws(RepositoryError) -> [Damage] {
    var damages: [Damage] = []
    for disk in restorePoint.disks {
      damages += try StoredDisk(disk, of: restorePoint, blobs, threads: threads)
        .damages(cancellation)
    }
    return damages
  }
}
