import Foundation
import GRDB
internal import Store

/// The file itself, before SQLite opens it: who may read it, and whether it is ours.
enum StoreFile {
  /// Makes an empty file (0600) and its directory (0700) if they are missing; leaves what is there as it is.
  static func make(at path: String) throws(StoreError) {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw StoreError(
        .failed, "The store's directory \(directory) could not be made: \(error)")
    }
    let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      // An existing file is not opened here: to close it would drop SQLite's locks on it (fcntl(2)).
      if errno == EEXIST { return }
      throw StoreError(
        .failed, "The store \(path) could not be made: \(String(cString: strerror(errno)))")
    }
    close(file)
    try syncDirectory(directory)
  }

  /// The new file's name survives a power cut.
  private static func syncDirectory(_ path: String) throws(StoreError) {
    let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if directory >= 0 { close(directory) } }
    guard directory >= 0, fsync(directory) == 0 else {
      throw StoreError(
        .failed,
        "The store's directory \(path) could not be synced: \(String(cString: strerror(errno)))")
    }
  }

  /// Refuses another program's database before anything of it is changed.
  static func checkOwner(of path: String, _ configuration: Configuration) throws {
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    let (application, tables) = try queue.read { db in
      (
        try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0,
        try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
      )
    }
    try queue.close()
    guard application == StoreSchema.applicationID || (application == 0 && tables == 0) else {
      throw StoreError(
        .corrupt, "\(path) is another program's SQLite database: name another file for the store.")
    }
  }
}
