import Glibc

/// An open file, closed when nobody holds it any more.
final class OpenFile: Sendable {
  /// As it was opened: for messages, and to tell files apart.
  let path: String
  let descriptor: Int32

  /// Takes the descriptor over.
  init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  func size() throws(RepositoryError) -> UInt64 {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError("cannot look at", path) }
    return UInt64(clamping: status.st_size)
  }

  /// Fills `buffer` from `offset` on. Throws `damaged` if the file ends before.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(RepositoryError) {
    var done = 0
    while done < buffer.byteCount {
      // SAFETY: reads at most what is left of the live buffer, behind what was read.
      let count = buffer.withUnsafeMutableBytes { bytes in
        pread(
          descriptor, bytes.baseAddress! + done, bytes.count - done,
          off_t(clamping: offset + UInt64(done)))
      }
      if count > 0 {
        done += count
      } else if count == 0 {
        throw RepositoryError(
          .damaged, "\(path): it ends at byte \(offset + UInt64(done)), too early")
      } else if errno != EINTR {
        throw systemError("cannot read", path)
      }
    }
  }
}

/// The error of the system call that just failed.
func systemError(_ what: String, _ path: String) -> RepositoryError {
  let number = errno
  let code: RepositoryError.Code =
    switch number {
    case ENOENT, ENOTDIR: .notFound
    case EEXIST, ENOTEMPTY: .alreadyExists
    default: .storage
    }
  return RepositoryError(code, "\(what) \(path): \(String(cString: strerror(number)))")
}
