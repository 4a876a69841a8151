import Glibc

/// A raw image file that is written sparsely.
package final class RawImageFile: DiskSink {
  private let file: OpenFile

  /// Makes the file, which must not exist, with `size` bytes of hole. Throws `target`.
  package init(creatingAt path: String, size: UInt64) throws(RepositoryError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw Self.failure("cannot make the file", path) }
    file = OpenFile(path: path, descriptor: descriptor)
    guard ftruncate(descriptor, off_t(clamping: size)) == 0 else {
      throw Self.failure("cannot size the file", path)
    }
  }

  package func write(_ bytes: RawSpan, at offset: UInt64) throws {
    try writeAll(bytes, to: file, at: offset)
  }

  /// Makes the file durable; its name is its directory's matter. Throws `target`.
  package func synchronize() throws(RepositoryError) {
    guard fsync(file.descriptor) == 0 else {
      throw Self.failure("cannot make durable the file", file.path)
    }
  }

  private static func failure(_ what: String, _ path: String) -> RepositoryError {
    RepositoryError(.target, systemError(what, path).message)
  }
}
