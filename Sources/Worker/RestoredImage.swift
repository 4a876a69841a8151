import CXXHash
import Foundation
import Repository
import Synchronization
import WorkerCore

/// An image file that is being restored: it remembers a digest of what was written, and compares it with what the
/// disk gives back.
///
/// What is written was checked against the repository's hashes; the digest here (XXH3, 128 bits) guards the way to
/// the disk and back, which is no adversary.
final class RestoredImage: DiskSink {
  private struct Piece {
    let offset: UInt64
    let count: Int
    let digest: Digest
  }

  private let file: RawImageFile
  private let path: String
  private let size: UInt64
  private let pieces = Mutex<[Piece]>([])

  /// `size`: of the disk, in bytes.
  init(file: RawImageFile, path: String, size: UInt64) {
    self.file = file
    self.path = path
    self.size = size
  }

  func write(_ bytes: RawSpan, at offset: UInt64) throws {
    let piece = Piece(offset: offset, count: bytes.byteCount, digest: Digest(of: bytes))
    try file.write(bytes, at: offset)
    pieces.withLock { $0.append(piece) }
  }

  /// Makes the file durable.
  func synchronize() throws { try file.synchronize() }

  /// Reads from the disk, not from memory, all that was written; the rest must be zeros, up to the disk's end.
  func readBack(_ cancellation: Cancellation) throws {
    let file = try WrittenFile(path: path)
    let found = try file.size()
    guard found == size else {
      throw StepFailure(
        "\(path) has \(found) bytes where the disk has \(size)", isRetryable: true)
    }
    var position: UInt64 = 0
    for piece in pieces.withLock({ $0.sorted { $0.offset < $1.offset } }) {
      let end = piece.offset + UInt64(piece.count)
      try expectZeros(in: position..<max(position, piece.offset), of: file, cancellation)
      try checkCut(cancellation)
      guard try file.digest(at: piece.offset, count: piece.count) == piece.digest else {
        throw fault(piece.offset..<end, "were not read back as they were written")
      }
      position = end
    }
    try expectZeros(in: position..<max(position, size), of: file, cancellation)
  }

  /// Holes of the file are zeros by what a file is; the rest is read.
  private func expectZeros(
    in gap: Range<UInt64>, of file: WrittenFile, _ cancellation: Cancellation
  ) throws {
    var position = gap.lowerBound
    while let start = try file.nextData(from: position, before: gap.upperBound) {
      try checkCut(cancellation)
      let end = min(gap.upperBound, start + Self.chunk)
      guard try file.isZero(in: start..<end) else {
        throw fault(start..<end, "are not zeros, though the disk has a hole there")
      }
      position = end
    }
  }

  private static let chunk: UInt64 = 1 << 20

  private func checkCut(_ cancellation: Cancellation) throws {
    if cancellation.isCanceled { throw StepFailure("The restore was cut", isRetryable: true) }
  }

  private func fault(_ range: Range<UInt64>, _ what: String) -> StepFailure {
    StepFailure("\(path): bytes \(range) \(what)", isRetryable: true)
  }
}

/// Tells apart what a fault changed.
private struct Digest: Equatable {
  private let low: UInt64
  private let high: UInt64

  init(of bytes: RawSpan) {
    let hash = bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
    low = hash.low64
    high = hash.high64
  }
}

/// A finished file, open for reading past the page cache.
private final class WrittenFile {
  private let path: String
  private let descriptor: Int32

  init(path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw Self.failure(path) }
    // Clean pages only are dropped: the file was synced before. Advice that is not taken costs no correctness.
    _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// In bytes.
  func size() throws -> UInt64 {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure(path) }
    return UInt64(status.st_size)
  }

  func digest(at offset: UInt64, count: Int) throws -> Digest {
    let bytes = try bytes(at: offset, count: count)
    return Digest(of: bytes.span.bytes)
  }

  func isZero(in range: Range<UInt64>) throws -> Bool {
    let bytes = try bytes(at: range.lowerBound, count: range.count)
    return bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress, buffer[0] == 0 else { return buffer.isEmpty }
      // Each byte equals the one before it.
      return memcmp(start, start + 1, buffer.count - 1) == 0
    }
  }

  /// Where in `position..<end` the next byte lies that is not in a hole. Nil: there is none.
  func nextData(from position: UInt64, before end: UInt64) throws -> UInt64? {
    guard position < end else { return nil }
    // SEEK_DATA of lseek(2), which glibc declares only under _GNU_SOURCE.
    let found = lseek(descriptor, off_t(position), 3)
    guard found >= 0 else {
      if errno == ENXIO { return nil }
      throw Self.failure(path)
    }
    return UInt64(found) < end ? UInt64(found) : nil
  }

  private func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let read = bytes.withUnsafeMutableBytes { buffer in
        pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, count - filled,
          off_t(offset) + off_t(filled))
      }
      guard read > 0 else {
        if read < 0, errno == EINTR { continue }
        throw Self.failure(path)
      }
      filled += read
    }
    return bytes
  }

  private static func failure(_ path: String) -> StepFailure {
    StepFailure(
      "\(path) could not be read back: \(String(cString: strerror(errno)))", isRetryable: true)
  }
}
