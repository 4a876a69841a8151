import BackupModel
import GRDB
package import Store

/// The coordinator's store in one SQLite file (WAL, synchronous FULL): the embedded default.
///
/// One writer, several readers beside it. Two coordinators may open the same file; the one that began the later term
/// wins, and the other's next commit throws `superseded` (``CoordinatorStore/begin()``). Calls run on GRDB's queues,
/// never on the caller's thread, and are not cut short by the cancellation of a task.
package final class SQLiteStore: CoordinatorStore {
  let pool: DatabasePool
  /// Where the file is: for messages.
  let path: String

  /// Opens the store at `path`; makes it, for the owner's eyes only (0600, its directory 0700), if it is missing.
  ///
  /// Throws `corrupt` for a file that is not a store of this version or an earlier one, else `failed`; the message
  /// says what to do. `busyTimeout` bounds the wait for another process that is writing.
  package convenience init(path: String, busyTimeout: Duration = .seconds(5)) throws(StoreError) {
    try self.init(path: path, busyTimeout: busyTimeout, maximumPages: nil)
  }

  /// `maximumPages` bounds the size of the file, as a full disk would.
  init(path: String, busyTimeout: Duration, maximumPages: Int?) throws(StoreError) {
    self.path = path
    try StoreFile.make(at: path)
    var configuration = Configuration()
    configuration.label = "belay.store"
    configuration.foreignKeysEnabled = true
    configuration.maximumReaderCount = 4
    // A rollback that fails must not trap.
    configuration.allowsUnsafeTransactions = true
    configuration.busyMode = .timeout(Double(busyTimeout.nanoseconds) / 1e9)
    do {
      try StoreFile.checkOwner(of: path, configuration)
      pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { db in
        // GRDB chooses NORMAL for a pool: a commit would not survive a power cut.
        try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864")
        if let maximumPages { try db.execute(sql: "PRAGMA max_page_count = \(maximumPages)") }
      }
      guard try !pool.read(StoreSchema.migrator.hasBeenSuperseded) else {
        throw StoreError(
          .corrupt,
          "The store \(path) was written by a later version of Belay: run that version, or restore the file from a backup."
        )
      }
      try StoreSchema.migrator.migrate(pool)
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError.opening(path, failedWith: error)
    }
  }

  package func begin() async throws(StoreError) -> StoredState {
    try await write { db in
      try db.execute(sql: "UPDATE term SET epoch = epoch + 1")
      return try StoredRows.state(in: db)
    }
  }

  package func commit(_ transaction: StoreTransaction) async throws(StoreError) {
    try await write { db in
      try StoreTransactionWriter.write(transaction, to: db)
    }
  }

  package func records(of session: SessionID, after sequence: Int, limit: Int)
    async throws(StoreError) -> [SessionRecord]
  {
    try await read { db in
      try StoredRows.records(of: session, after: sequence, limit: limit, in: db)
    }
  }

  package func sessions(of job: JobID?, before: SessionID?, limit: Int) async throws(StoreError)
    -> [SessionID]
  {
    try await read { db in
      try StoredRows.sessions(of: job, before: before, limit: limit, in: db)
    }
  }
}

extension SQLiteStore {
  /// One transaction. Every failure before COMMIT leaves nothing written.
  private func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value)
    async throws(StoreError) -> Value
  {
    let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
      pool.asyncWriteWithoutTransaction { [path] db in
        continuation.resume(returning: Self.transact(db, path, body))
      }
    }
    return try result.get()
  }

  private static func transact<Value>(
    _ db: Database, _ path: String, _ body: (Database) throws -> Value
  ) -> Result<Value, StoreError> {
    let value: Value
    do {
      try db.beginTransaction(.immediate)
      value = try body(db)
    } catch {
      rollback(db)
      return .failure(StoreError.beforeCommit(of: path, failedWith: error))
    }
    do {
      try db.commit()
      return .success(value)
    } catch {
      rollback(db)
      return .failure(StoreError.committing(to: path, failedWith: error))
    }
  }

  /// A rollback that fails leaves the transaction open: the next one then fails to begin, and says so.
  private static func rollback(_ db: Database) {
    guard db.isInsideTransaction else { return }
    try? db.rollback()
  }

  private func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value)
    async throws(StoreError) -> Value
  {
    let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
      pool.asyncRead { [path] database in
        continuation.resume(
          returning: Result { try body(database.get()) }.mapError {
            StoreError.beforeCommit(of: path, failedWith: $0)
          })
      }
    }
    return try result.get()
  }
}
