/// Reads blobs and checks them against their ids; not for two threads at once.
final class BlobReader {
  private let blobs: StoredBlobs
  private let hash = SHA256()
  private let decompressor = Decompressor()
  private var stored = [UInt8](repeating: 0, count: Format.largestBlob)

  init(_ blobs: StoredBlobs) { self.blobs = blobs }

  /// Fills `target` with the blob, which must have its length. Throws `damaged`; the target then holds anything.
  func read(_ id: BlobID, into target: inout MutableRawSpan) throws(RepositoryError) {
    var failure: RepositoryError?
    for location in try blobs.locations(of: id) {
      do throws(RepositoryError) {
        return try read(location, into: &target)
      } catch {
        guard error.code == .damaged else { throw error }
        failure = failure ?? error
      }
    }
    throw failure ?? RepositoryError(.damaged, "blob \(id) is in no pack")
  }

  /// Reads a page, whose length only its record knows.
  func readPage(_ id: BlobID) throws(RepositoryError) -> [UInt8] {
    let length = try blobs.locations(of: id).first?.record.rawLength ?? 0
    var bytes = [UInt8](repeating: 0, count: Int(length))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try read(id, into: &target)
    return bytes
  }

  private func read(
    _ location: BlobLocation, into target: inout MutableRawSpan
  ) throws(RepositoryError) {
    let record = location.record
    guard Int(record.rawLength) == target.byteCount else {
      throw RepositoryError(
        .damaged,
        "blob \(record.id) is of \(record.rawLength) bytes instead of \(target.byteCount)")
    }
    let file = try blobs.open(location.pack)
    switch record.encoding {
    case .raw: try file.read(at: UInt64(record.offset), into: &target)
    case .zstd: try decompress(record, file, into: &target)
    }
    guard hash.digest(target.bytes) == record.id else {
      throw damaged(record, file, "its hash is wrong")
    }
  }

  private func decompress(
    _ record: BlobRecord, _ file: OpenFile, into target: inout MutableRawSpan
  ) throws(RepositoryError) {
    let failure = try stored.edit(0..<Int(record.storedLength)) {
      part throws(RepositoryError) -> FormatError? in
      try file.read(at: UInt64(record.offset), into: &part)
      do throws(FormatError) {
        try decompressor.decompress(part.bytes, into: &target)
        return nil
      } catch { return error }
    }
    if let failure { throw damaged(record, file, "\(failure)") }
  }

  private func damaged(_ record: BlobRecord, _ file: OpenFile, _ why: String) -> RepositoryError {
    RepositoryError(.damaged, "\(file.path): the blob at byte \(record.offset): \(why)")
  }
}
