import GRDB
internal import Store

// Which of SQLite's failures leave a transaction's outcome open, and what people are told.

extension StoreError {
  /// The store could not be opened.
  static func opening(_ path: String, failedWith error: any Error) -> StoreError {
    guard let error = error as? DatabaseError else {
      return StoreError(.failed, "The store \(path) could not be opened: \(error)")
    }
    switch error.resultCode {
    case .SQLITE_CANTOPEN:
      return StoreError(
        .failed,
        "The store \(path) could not be opened: check that it is a file that this user may read and write."
      )
    case .SQLITE_NOTADB:
      return StoreError(
        .corrupt, "\(path) is not an SQLite database: name another file for the store.")
    default:
      return beforeCommit(of: path, failedWith: error)
    }
  }

  /// A read, or a write that had not come to COMMIT: nothing was written.
  static func beforeCommit(of path: String, failedWith error: any Error) -> StoreError {
    if let error = error as? StoreError { return error }
    guard let error = error as? DatabaseError else {
      return StoreError(.failed, "The store \(path) failed: \(error)")
    }
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      return StoreError(
        .corrupt, "The store \(path) is damaged (\(error)): restore it from a backup.")
    default:
      return StoreError(.failed, text(path, error))
    }
  }

  /// COMMIT itself failed.
  ///
  /// The commit mark is the last frame that goes to the write-ahead log. SQLite that has no room for it, or never
  /// got so far, has written nothing that counts. After any other error, of fsync say, the mark may be in the file,
  /// and recovery would then find the transaction whole.
  static func committing(to path: String, failedWith error: any Error) -> StoreError {
    guard let error = error as? DatabaseError else {
      return StoreError(.outcomeUnknown, "The store \(path) failed to commit: \(error)")
    }
    switch error.resultCode {
    case .SQLITE_FULL, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CONSTRAINT, .SQLITE_READONLY:
      return StoreError(.failed, text(path, error))
    default:
      return StoreError(.outcomeUnknown, text(path, error))
    }
  }

  private static func text(_ path: String, _ error: DatabaseError) -> String {
    switch error.resultCode {
    case .SQLITE_FULL: "The disk that holds the store \(path) is full: make room on it."
    case .SQLITE_BUSY:
      "The store \(path) is locked by another process, which did not let go in time: end that process."
    case .SQLITE_READONLY: "The store \(path) is read-only: let this user write to it."
    default: "The store \(path) failed: \(error)"
    }
  }
}
