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
  private let pieces = Mutex<[Piece]>([])

  init(file: RawImageFile, path: String) {
    self.file = file
    self.path = path
  }

  func write(_ bytes: RawSpan, at offset: UInt64) throws {
    let piece = Piece(offset: offset, count: bytes.byteCount, digest: Digest(of: bytes))
    try file.write(bytes, at: offset)
    pieces.withLock { $0.append(piece) }
  }

  /// Makes the file durable.
  func synchronize() throws { try file.synchronize() }

  /// Reads from the disk, not from memory, all that was written.
  func readBack(_ cancellation: Cancellation) throws {
    let file = try WrittenFile(path: path)
    for piece in pieces.withLock({ $0.sorted { $0.offset < $1.offset } }) {
      if cancellation.isCanceled { throw StepFailure("The restore was cut", isRetryable: true) }
      guard try file.digest(at: piece.offset, count: piece.count) == piece.digest else {
        throw StepFailure(
          "\(path): bytes \(piece.offset)..<\(piece.offset + UInt64(piece.count)) were not read back as they were written",
          isRetryable: true)
      }
    }
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

  func digest(at offset: UInt64, count: Int) throws -> Digest {
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
    return Digest(of: bytes.span.bytes)
  }

  private static func failure(_ path: String) -> StepFailure {
    StepFailure(
      "\(path) could not be read back: \(String(cString: strerror(errno)))", isRetryable: true)
  }
}
