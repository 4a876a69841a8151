/// How much of a task is done. Each counter only grows within an attempt.
package struct TaskProgress: Hashable, Sendable, Codable {
  /// The virtual size of all disks, in bytes; 0 while unknown.
  package var totalBytes: UInt64
  /// Bytes of the disks dealt with so far, holes included; reaches `totalBytes`.
  package var processedBytes: UInt64
  /// Bytes read from the source.
  package var readBytes: UInt64
  /// Bytes added to the repository, or written to a restore's target.
  package var storedBytes: UInt64

  package init(
    totalBytes: UInt64 = 0, processedBytes: UInt64 = 0, readBytes: UInt64 = 0,
    storedBytes: UInt64 = 0
  ) {
    self.totalBytes = totalBytes
    self.processedBytes = processedBytes
    self.readBytes = readBytes
    self.storedBytes = storedBytes
  }
}
