package import BackupModel

/// A restore point open for reading.
package final class RestorePointReader: Sendable {
  package let restorePoint: RestorePoint
  package let summary: RestorePointSummary

  init(restorePoint: RestorePoint, summary: RestorePointSummary) {
    self.restorePoint = restorePoint
    self.summary = summary
  }

  /// Opens one disk. Throws `notFound`.
  package func openDisk(_ id: DiskID) throws(RepositoryError) -> StoredDisk {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Checks this restore point alone: its pages, and every chunk decompressed and hashed. Returns the ranges that
  /// cannot be restored.
  package func verify(
    cancellation: Cancellation = Cancellation()
  ) throws(RepositoryError) -> [Damage] {
    throw RepositoryError(.invalid, "not built yet")
  }
}

/// One disk of a restore point, open for reading; every byte that it gives was checked against its hash.
package final class StoredDisk: DiskSource {
  package let id: DiskID
  package let size: UInt64

  init(id: DiskID, size: UInt64) {
    self.id = id
    self.size = size
  }

  package func extents(in range: Range<UInt64>) throws -> [SourceExtent] {
    throw RepositoryError(.invalid, "not built yet")
  }

  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Writes the whole disk to `sink`, on threads of its own; zero runs are passed over.
  ///
  /// Damage does not end it: what is whole is written, and what is not is returned. Throws `target` with the sink's
  /// error as cause, `canceled`, `storage`. `onProgress` is called from several threads with the bytes dealt with
  /// (holes included) and written since its last call.
  package func restore(
    to sink: some DiskSink, cancellation: Cancellation = Cancellation(),
    onProgress: @Sendable (_ processed: UInt64, _ written: UInt64) -> Void = { _, _ in }
  ) throws(RepositoryError) -> [Damage] {
    throw RepositoryError(.invalid, "not built yet")
  }
}

/// A raw image file that is written sparsely.
package final class RawImageFile: DiskSink {
  /// Makes the file, which must not exist, with `size` bytes of hole.
  package init(creatingAt path: String, size: UInt64) throws(RepositoryError) {
    throw RepositoryError(.invalid, "not built yet")
  }

  package func write(_ bytes: RawSpan, at offset: UInt64) throws {}

  /// Makes the file durable, and closes it. Throws `target`.
  package func finish() throws(RepositoryError) {}
}
