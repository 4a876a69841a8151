/// The calls that a repository makes of its directory. Paths are relative to it.
///
/// Errors: `notFound` when a name is missing, `alreadyExists` when one is in the way (a non-empty directory too),
/// else `storage`.
protocol FileSystem: Sendable {
  /// Makes a directory that only its owner may enter.
  func makeDirectory(_ path: String) throws(RepositoryError)
  /// The names in a directory, sorted; without `.` and `..`.
  func list(_ path: String) throws(RepositoryError) -> [String]
  /// Makes a file, which must not exist, and opens it for reading and writing.
  func create(_ path: String) throws(RepositoryError) -> OpenFile
  /// Opens a regular file for reading.
  func open(_ path: String) throws(RepositoryError) -> OpenFile
  /// Writes all bytes.
  func write(_ bytes: RawSpan, to file: OpenFile, at offset: UInt64) throws(RepositoryError)
  /// Makes what was written to the file durable.
  func synchronize(_ file: OpenFile) throws(RepositoryError)
  /// Makes a directory's names durable.
  func synchronizeDirectory(_ path: String) throws(RepositoryError)
  /// Renames a file; never over another.
  func move(_ source: String, to target: String) throws(RepositoryError)
  /// Renames a directory, also over an empty one.
  func moveDirectory(_ source: String, to target: String) throws(RepositoryError)
  func removeFile(_ path: String) throws(RepositoryError)
  /// Removes an empty directory.
  func removeDirectory(_ path: String) throws(RepositoryError)
}

extension FileSystem {
  func directoryExists(_ path: String) throws(RepositoryError) -> Bool {
    do {
      _ = try list(path)
      return true
    } catch {
      guard error.code == .notFound else { throw error }
      return false
    }
  }

  /// Makes the directory unless it is there.
  func ensureDirectory(_ path: String) throws(RepositoryError) {
    do { try makeDirectory(path) } catch {
      guard error.code == .alreadyExists else { throw error }
    }
  }

  /// Removes the file unless it is gone.
  func ensureRemoved(_ path: String) throws(RepositoryError) {
    do { try removeFile(path) } catch {
      guard error.code == .notFound else { throw error }
    }
  }

  /// Writes a file whole and durable under a name of its own, then gives it its name.
  ///
  /// A crash leaves the partial name or nothing. The directory is not synchronized.
  func writeWhole(_ bytes: [UInt8], to path: String) throws(RepositoryError) {
    let partial = path + ".partial"
    let file = try create(partial)
    try write(bytes.span.bytes, to: file, at: 0)
    try synchronize(file)
    try move(partial, to: path)
  }

  /// Reads a file whole. Throws `damaged` above `limit` bytes.
  func readWhole(_ path: String, limit: Int) throws(RepositoryError) -> [UInt8] {
    let file = try open(path)
    let size = try file.size()
    guard size <= UInt64(limit) else {
      throw RepositoryError(.damaged, "\(path): \(size) bytes are more than it can have")
    }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try file.read(at: 0, into: &target)
    return bytes
  }
}
