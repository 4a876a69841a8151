package import BackupModel
import Synchronization

/// One disk of a restore point, open for reading; every byte that it gives was checked against its hash.
package final class StoredDisk: DiskSource {
  package let id: DiskID
  package let size: UInt64
  let blobs: StoredBlobs
  let threads: Int
  let virtualMachine: VirtualMachineID
  let restorePoint: RestorePointID
  private let directories: [BlobID]
  private let cache = Mutex(PageCache())

  /// Pages that were met last.
  private struct PageCache {
    var directories: [Int: DirectoryPage] = [:]
    var regions: [Int: RegionPage] = [:]

    static let kept = 16
  }

  init(
    _ disk: RestorePoint.Disk, of point: RestorePoint, _ blobs: StoredBlobs, threads: Int
  ) {
    id = disk.id
    size = disk.size
    directories = disk.directories
    virtualMachine = point.virtualMachine
    restorePoint = point.id
    self.blobs = blobs
    self.threads = threads
  }

  var regionCount: Int { Format.regionCount(ofSize: size) }

  /// The page of a region. Nil: nothing but zeros. Throws `damaged`.
  func page(ofRegion region: Int, _ reader: BlobReader) throws(RepositoryError) -> RegionPage? {
    if let page = cache.withLock({ $0.regions[region] }) { return page }
    let number = region / Format.regionsPerDirectory
    guard let directory = try directory(number, reader) else { return nil }
    let id = directory.regions[region % Format.regionsPerDirectory]
    guard !id.isZero else { return nil }
    let bytes = try reader.readPage(id)
    let page: RegionPage
    do throws(FormatError) {
      page = try RegionPage(bytes, regionLength: Format.regionRange(region, ofSize: size).count)
    } catch {
      throw RepositoryError(.damaged, "the page of region \(region): \(error)")
    }
    cache.withLock { cache in
      if cache.regions.count >= PageCache.kept { cache.regions = [:] }
      cache.regions[region] = page
    }
    return page
  }

  private func directory(
    _ number: Int, _ reader: BlobReader
  ) throws(RepositoryError) -> DirectoryPage? {
    if let page = cache.withLock({ $0.directories[number] }) { return page }
    guard !directories[number].isZero else { return nil }
    let bytes = try reader.readPage(directories[number])
    let page: DirectoryPage
    do throws(FormatError) {
      page = try DirectoryPage(
        bytes,
        count: min(
          Format.regionsPerDirectory, regionCount - number * Format.regionsPerDirectory))
    } catch {
      throw RepositoryError(.damaged, "directory page \(number): \(error)")
    }
    cache.withLock { cache in
      if cache.directories.count >= PageCache.kept { cache.directories = [:] }
      cache.directories[number] = page
    }
    return page
  }

  private func check(_ range: Range<UInt64>) throws(RepositoryError) {
    guard range.upperBound <= size else {
      throw RepositoryError(.invalid, "bytes \(range) lie outside of disk \(id), which has \(size)")
    }
  }

  /// What lies in `range`: runs of zeros are holes. Throws `RepositoryError`, `damaged` among its codes.
  package func extents(in range: Range<UInt64>) throws -> [SourceExtent] {
    try check(range)
    let reader = BlobReader(blobs)
    var extents: [SourceExtent] = []
    try forEachChunk(in: range, reader) { part, chunk, _ in
      let isHole = chunk.id.isZero
      if let last = extents.last, last.isHole == isHole {
        extents[extents.count - 1] = SourceExtent(
          range: last.range.lowerBound..<part.upperBound, isHole: isHole)
      } else {
        extents.append(SourceExtent(range: part, isHole: isHole))
      }
    }
    return extents
  }

  /// Fills `buffer` from `offset` on. Throws `RepositoryError`: `invalid` for bytes outside of the disk, `damaged`.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(buffer.byteCount))
    try check(offset..<(overflow ? .max : end))
    let reader = BlobReader(blobs)
    var chunkBytes: [UInt8] = []
    var parts: [(Range<UInt64>, ChunkReference, Int)] = []
    try forEachChunk(in: offset..<end, reader) { parts.append(($0, $1, $2)) }
    for (part, chunk, skipped) in parts {
      let start = Int(part.lowerBound - offset)
      var target = buffer._mutatingExtracting(start..<start + part.count)
      if chunk.id.isZero {
        clear(&target)
      } else if part.count == chunk.length {
        try reader.read(chunk.id, into: &target)
      } else {
        chunkBytes = [UInt8](repeating: 0, count: chunk.length)
        var span = chunkBytes.mutableSpan
        var whole = span.mutableBytes
        try reader.read(chunk.id, into: &whole)
        copy(whole.bytes.extracting(skipped..<skipped + part.count), to: &target)
      }
    }
  }

  /// Calls `body` with the part of each chunk that lies in `range`, the chunk, and where in the chunk the part begins.
  private func forEachChunk(
    in range: Range<UInt64>, _ reader: BlobReader,
    _ body: (Range<UInt64>, ChunkReference, Int) -> Void
  ) throws(RepositoryError) {
    guard !range.isEmpty else { return }
    let regionBytes = UInt64(Format.regionBytes)
    for region in Int(range.lowerBound / regionBytes)...Int((range.upperBound - 1) / regionBytes) {
      let regionRange = Format.regionRange(region, ofSize: size)
      let zeros = [ChunkReference(id: .zero, length: regionRange.count)]
      var start = regionRange.lowerBound
      for chunk in try page(ofRegion: region, reader)?.chunks ?? zeros {
        let end = start + UInt64(chunk.length)
        let part = (start..<end).clamped(to: range)
        if !part.isEmpty { body(part, chunk, Int(part.lowerBound - start)) }
        start = end
      }
    }
  }
}
