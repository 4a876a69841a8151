/// A disk that does not change while it is read: what a backup reads from.
///
/// Calls block; several threads call at once.
package protocol DiskSource: Sendable {
  /// In bytes; any number, not always a multiple of a block.
  var size: UInt64 { get }

  /// What lies in `range`, which lies within the disk: consecutive extents that cover it exactly, in order.
  func extents(in range: Range<UInt64>) throws -> [SourceExtent]

  /// Fills `buffer` with the bytes from `offset` on; the range lies within the disk.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws
}

/// A run of bytes of a source that are all holes (they read as zeros, and are not read), or all data.
package struct SourceExtent: Hashable, Sendable {
  package let range: Range<UInt64>
  package let isHole: Bool

  package init(range: Range<UInt64>, isHole: Bool) {
    self.range = range
    self.isHole = isHole
  }
}

/// Where a restore writes one disk: a file, a block device, a conversion to another image format.
///
/// Calls block; several threads call at once, never for overlapping ranges.
package protocol DiskSink: Sendable {
  /// Takes the disk's bytes from `offset` on, at most 4 MiB. Ranges that are never written read as zeros: what is
  /// behind the sink must be empty at the start.
  func write(_ bytes: RawSpan, at offset: UInt64) throws
}
