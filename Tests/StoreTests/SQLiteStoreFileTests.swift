import BackupModel
import Foundation
import GRDB
import Store
import Testing

@testable import SQLiteStore

@Suite("The store's file")
struct SQLiteStoreFileTests {
  @Test("A new store is for its owner's eyes only")
  func isPrivate() async throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.file("state/deep/belay.db"))
    _ = try await store.begin()
    #expect(try directory.permissions(of: "state") == 0o700)
    #expect(try directory.permissions(of: "state/deep") == 0o700)
    for name in ["belay.db", "belay.db-wal", "belay.db-shm"] {
      #expect(try directory.permissions(of: "state/deep/" + name) == 0o600, "\(name)")
    }
  }

  @Test("A commit waits for the disk: the log is synced, foreign keys hold")
  func isDurable() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.file("belay.db"))
    let (synchronous, foreignKeys, journal) = try store.pool.writeWithoutTransaction { db in
      (
        try Int.fetchOne(db, sql: "PRAGMA synchronous"),
        try Int.fetchOne(db, sql: "PRAGMA foreign_keys"),
        try String.fetchOne(db, sql: "PRAGMA journal_mode")
      )
    }
    #expect(synchronous == 2)
    #expect(foreignKeys == 1)
    #expect(journal == "wal")
  }

  @Test("A file that is no database is refused and left as it was")
  func refusesOtherFiles() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("notes.txt")
    let text = String(repeating: "Do not lose this.\n", count: 200)
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    let error = #expect(throws: StoreError.self) { try SQLiteStore(path: path) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("not an SQLite database") == true)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
  }

  @Test("Another program's database is refused and left as it was")
  func refusesOtherDatabases() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("other.db")
    let other = try DatabaseQueue(path: path)
    try other.write { try $0.execute(sql: "CREATE TABLE mine (a); PRAGMA application_id = 7") }
    try other.close()
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    let error = #expect(throws: StoreError.self) { try SQLiteStore(path: path) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("another program's") == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
  }

  @Test("A store of a later version is refused")
  func refusesLaterVersions() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("belay.db")
    let store = try SQLiteStore(path: path)
    try store.pool.write {
      try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2: something new')")
    }
    let error = #expect(throws: StoreError.self) { try SQLiteStore(path: path) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("later version") == true)
  }

  @Test(
    "A path that can't be a file is refused with its reason", arguments: ["file/db", "directory"])
  func refusesBadPaths(_ name: String) throws {
    let directory = try TemporaryDirectory()
    try "".write(toFile: directory.file("file"), atomically: false, encoding: .utf8)
    try FileManager.default.createDirectory(
      atPath: directory.file("directory"), withIntermediateDirectories: false)
    let error = #expect(throws: StoreError.self) { try SQLiteStore(path: directory.file(name)) }
    #expect(error?.code == .failed)
    #expect(error?.message.contains(directory.path) == true)
  }

  @Test("On a full disk a commit fails, leaves nothing, and works again once there is room")
  func survivesFullDisk() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("belay.db")
    let store = try SQLiteStore(path: path, busyTimeout: .seconds(1), maximumPages: 20)
    let epoch = try await store.begin().epoch
    var kept = 0
    var failure: StoreError?
    while failure == nil, kept < 10_000 {
      do {
        try await store.commit(
          StoreTransaction(
            epoch: epoch, records: (1...50).map { SampleRecords.record("s\(kept + 1)", $0) }))
        kept += 1
      } catch { failure = error }
    }
    #expect(failure?.code == .failed)
    #expect(failure?.message.contains("full") == true)
    #expect(try await store.sessions(of: nil, before: nil, limit: .max).count == kept)
    let roomy = try SQLiteStore(path: path)
    let state = try await roomy.begin()
    #expect(state.unsettledSessions.map(\.count) == Array(repeating: 50, count: kept))
    try await roomy.commit(
      StoreTransaction(epoch: state.epoch, records: [SampleRecords.record("after", 1)]))
  }

  @Test("Another process that holds the lock is waited for no longer than the bound")
  func boundsItsWait() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("belay.db")
    let store = try SQLiteStore(path: path, busyTimeout: .milliseconds(20), maximumPages: nil)
    let epoch = try await store.begin().epoch
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try await other.writeWithoutTransaction { try $0.beginTransaction(.immediate) }
    let error = await #expect(throws: StoreError.self) {
      try await store.commit(StoreTransaction(epoch: epoch, jobs: [.put(SampleRecords.job)]))
    }
    #expect(error?.code == .failed)
    #expect(error?.message.contains("locked") == true)
    try await other.writeWithoutTransaction { try $0.rollback() }
    try await store.commit(StoreTransaction(epoch: epoch, jobs: [.put(SampleRecords.job)]))
    #expect(try await store.begin().jobs == [SampleRecords.job])
  }

  @Test(
    "Only an error of COMMIT after which its mark may be in the log leaves the outcome unknown",
    arguments: [
      (ResultCode.SQLITE_FULL, StoreError.Code.failed, StoreError.Code.failed),
      (.SQLITE_BUSY, .failed, .failed), (.SQLITE_READONLY, .failed, .failed),
      (.SQLITE_CONSTRAINT, .failed, .failed),
      (.SQLITE_IOERR_FSYNC, .failed, .outcomeUnknown),
      (.SQLITE_IOERR_WRITE, .failed, .outcomeUnknown),
      (.SQLITE_INTERRUPT, .failed, .outcomeUnknown),
      (.SQLITE_CORRUPT, .corrupt, .outcomeUnknown),
    ])
  func classifies(code: ResultCode, before: StoreError.Code, committing: StoreError.Code) {
    let error = DatabaseError(resultCode: code)
    #expect(StoreError.beforeCommit(of: "/db", failedWith: error).code == before)
    #expect(StoreError.committing(to: "/db", failedWith: error).code == committing)
  }

  @Test(
    "A row that this version did not write is reported as corrupt",
    arguments: [
      "UPDATE record SET fact = '{' WHERE sequence = 2",
      "UPDATE record SET fact = '{\"someLaterFact\":{}}' WHERE sequence = 2",
      "DELETE FROM record WHERE sequence = 2", "DELETE FROM record WHERE sequence = 3",
      "DELETE FROM record WHERE sequence = 1", "DELETE FROM record",
      "UPDATE session SET id = 'Not A Name'", "UPDATE session SET lastSequence = 9",
      "DELETE FROM term", "UPDATE job SET definition = '[]'", "UPDATE job SET id = 'other'",
    ])
  func reportsCorruptRows(_ damage: String) async throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.file("belay.db"))
    let epoch = try await store.begin().epoch
    try await store.commit(
      StoreTransaction(
        epoch: epoch, jobs: [.put(SampleRecords.job)],
        records: (1...3).map { SampleRecords.record("s1", $0) }))
    try await store.pool.write { try $0.execute(sql: damage) }
    let error = await #expect(throws: StoreError.self) { try await store.begin() }
    #expect(error?.code == .corrupt, "\(String(describing: error))")
  }

  @Test("No damaged byte of the file can trap: it is read as it was, or refused", arguments: 0..<60)
  func survivesDamage(seed: Int) async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("belay.db")
    do {
      let store = try SQLiteStore(path: path)
      let epoch = try await store.begin().epoch
      for session in 1...5 {
        try await store.commit(
          StoreTransaction(
            epoch: epoch, jobs: [.put(SampleRecords.job)],
            records: (1...20).map { SampleRecords.record("s\(session)", $0) }))
      }
      try store.pool.close()
    }
    var random = SeededGenerator(seed: seed)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for _ in 0..<(1 + seed % 20) {
      let index = bytes.startIndex + Int.random(in: 0..<bytes.count, using: &random)
      bytes[index] ^= UInt8.random(in: 1...255, using: &random)
    }
    try bytes.write(to: URL(fileURLWithPath: path))
    do {
      let store = try SQLiteStore(path: path)
      let state = try await store.begin()
      _ = try await store.sessions(of: nil, before: nil, limit: 100)
      for records in state.unsettledSessions {
        #expect(records.map(\.sequence) == Array(1...records.count), "seed \(seed)")
      }
    } catch {
      #expect(error.code == .corrupt || error.code == .failed, "seed \(seed): \(error)")
    }
  }
}
