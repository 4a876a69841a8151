import CLinux
import Glibc

/// A directory of this machine, by system calls alone.
final class LocalFileSystem: FileSystem {
  private let root: OpenFile

  /// Opens the directory at `path`. Throws `notFound`.
  init(at path: String) throws(RepositoryError) {
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("cannot open the directory", path) }
    root = OpenFile(path: path, descriptor: descriptor)
  }

  func makeDirectory(_ path: String) throws(RepositoryError) {
    guard mkdirat(root.descriptor, path, 0o700) == 0 else {
      throw systemError("cannot make the directory", path)
    }
  }

  func list(_ path: String) throws(RepositoryError) -> [String] {
    let descriptor = openat(root.descriptor, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw systemError("cannot open the directory", path) }
    // fdopendir takes the descriptor over; closedir closes it.
    guard let directory = fdopendir(descriptor) else {
      close(descriptor)
      throw systemError("cannot read the directory", path)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(directory) else {
        guard errno == 0 else { throw systemError("cannot read the directory", path) }
        return names.sorted()
      }
      // SAFETY: d_name is NUL-terminated and valid until the next readdir.
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  func create(_ path: String) throws(RepositoryError) -> OpenFile {
    let descriptor = openat(
      root.descriptor, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw systemError("cannot make the file", path) }
    return OpenFile(path: path, descriptor: descriptor)
  }

  func open(_ path: String) throws(RepositoryError) -> OpenFile {
    let descriptor = openat(
      root.descriptor, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw systemError("cannot open", path) }
    let file = OpenFile(path: path, descriptor: descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError("cannot look at", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw RepositoryError(.damaged, "\(path): it is not a regular file")
    }
    return file
  }

  func write(_ bytes: RawSpan, to file: OpenFile, at offset: UInt64) throws(RepositoryError) {
    try writeAll(bytes, to: file, at: offset)
    // Starts writing back, so that the synchronization at the end has little left to wait for. Only a hint.
    _ = sync_file_range(
      file.descriptor, Int64(clamping: offset), Int64(bytes.byteCount),
      UInt32(SYNC_FILE_RANGE_WRITE))
  }

  func synchronize(_ file: OpenFile) throws(RepositoryError) {
    guard fdatasync(file.descriptor) == 0 else {
      throw systemError("cannot make durable", file.path)
    }
  }

  func synchronizeDirectory(_ path: String) throws(RepositoryError) {
    let descriptor = openat(root.descriptor, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("cannot open the directory", path) }
    let directory = OpenFile(path: path, descriptor: descriptor)
    guard fsync(directory.descriptor) == 0 else {
      throw systemError("cannot make durable the directory", path)
    }
  }

  func move(_ source: String, to target: String) throws(RepositoryError) {
    guard
      renameat2(root.descriptor, source, root.descriptor, target, UInt32(RENAME_NOREPLACE)) == 0
    else { throw systemError("cannot rename \(source) to", target) }
  }

  func moveDirectory(_ source: String, to target: String) throws(RepositoryError) {
    guard renameat(root.descriptor, source, root.descriptor, target) == 0 else {
      throw systemError("cannot rename the directory \(source) to", target)
    }
  }

  func removeFile(_ path: String) throws(RepositoryError) {
    guard unlinkat(root.descriptor, path, 0) == 0 else { throw systemError("cannot remove", path) }
  }

  func removeDirectory(_ path: String) throws(RepositoryError) {
    guard unlinkat(root.descriptor, path, AT_REMOVEDIR) == 0 else {
      throw systemError("cannot remove the directory", path)
    }
  }
}

/// Writes all bytes at a place of a file.
func writeAll(_ bytes: RawSpan, to file: OpenFile, at offset: UInt64) throws(RepositoryError) {
  var done = 0
  while done < bytes.byteCount {
    // SAFETY: writes at most what is left of the live span, behind what was written.
    let count = bytes.withUnsafeBytes { bytes in
      pwrite(
        file.descriptor, bytes.baseAddress! + done, bytes.count - done,
        off_t(clamping: offset + UInt64(done)))
    }
    if count >= 0 {
      done += count
    } else if errno != EINTR {
      throw systemError("cannot write", file.path)
    }
  }
}
