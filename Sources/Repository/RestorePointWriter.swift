package import BackupModel

/// Writes one restore point of one attempt into staging. Nothing of it is visible before it is published.
///
/// Order: ``backUp(_:from:)`` once for each planned disk, then ``stage()``, then `Repository.publish`. After an error
/// or a cancel the writer is spent: discard the attempt.
package final class RestorePointWriter: Sendable {
  package let plan: RestorePointPlan

  init(plan: RestorePointPlan) { self.plan = plan }

  /// How much is done. Any thread may ask at any time.
  package var progress: TaskProgress { TaskProgress() }

  /// Reads a disk and stores what is new. Blocks until all of it is dealt with, on threads of its own.
  ///
  /// Throws `source` with the source's error as cause, `canceled`, `fenced`, `storage`, `invalid`.
  package func backUp(_ disk: DiskID, from source: some DiskSource) throws(RepositoryError) {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Makes all durable, with the manifest last, and returns what is to be committed.
  package func stage() throws(RepositoryError) -> RestorePointSummary {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Asks the calls under way to throw `canceled` soon: after the blob or the source's read under way. Close the
  /// source to end its read.
  package func cancel() {}
}
