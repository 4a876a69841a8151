import BackupModel
import GRDB
internal import Store

/// Writes one ``StoreTransaction`` into an open transaction of the database; whatever it throws undoes the whole.
struct StoreTransactionWriter {
  /// What the store knows of a session, and this transaction changes.
  private struct Log {
    let position: Int64
    var lastSequence: Int
    var isSettled: Bool
  }

  private let db: Database
  private var logs: [SessionID: Log] = [:]

  static func write(_ transaction: StoreTransaction, to db: Database) throws {
    try checkTerm(transaction.epoch, in: db)
    var writer = StoreTransactionWriter(db: db)
    for change in transaction.jobs { try writer.apply(change) }
    for record in transaction.records { try writer.append(record) }
    try writer.finish()
  }

  private init(db: Database) { self.db = db }

  private static func checkTerm(_ epoch: Int, in db: Database) throws {
    let current = try StoredRows.epoch(in: db)
    guard epoch != current else { return }
    guard epoch < current else {
      throw StoreError(.failed, "Term \(epoch) has not begun: the store is in term \(current).")
    }
    throw StoreError(
      .superseded,
      "Another coordinator has taken over this store: it is in term \(current), and this one's was \(epoch). Run only one coordinator on a store."
    )
  }

  private func apply(_ change: StoreTransaction.JobChange) throws {
    switch change {
    case .put(let job):
      try execute(
        "INSERT INTO job (id, definition) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET definition = excluded.definition",
        [job.id.rawValue, StoredJSON.encode(job)])
    case .delete(let id):
      try execute("DELETE FROM job WHERE id = ?", [id.rawValue])
    }
  }

  private mutating func append(_ record: SessionRecord) throws {
    var log = try log(for: record)
    guard record.sequence == log.lastSequence &+ 1 else {
      throw refusal(of: record, "the session's log ends at \(log.lastSequence)")
    }
    guard !log.isSettled else { throw refusal(of: record, "the session is settled") }
    try execute(
      "INSERT INTO record (session, sequence, time, fact) VALUES (?, ?, ?, ?)",
      [
        log.position, record.sequence, record.time.nanosecondsSinceEpoch,
        StoredJSON.encode(record.fact),
      ])
    log.lastSequence = record.sequence
    if case .sessionSettled = record.fact { log.isSettled = true }
    logs[record.session] = log
  }

  /// The session's log, made if the record is a session's first.
  private func log(for record: SessionRecord) throws -> Log {
    if let log = logs[record.session] { return log }
    if let stored = try StoredRows.log(of: record.session, in: db) {
      return Log(
        position: stored.position, lastSequence: stored.lastSequence, isSettled: stored.isSettled)
    }
    guard case .sessionStarted(let job, _) = record.fact else {
      throw refusal(of: record, "there is no such session")
    }
    try execute(
      "INSERT INTO session (id, job, lastSequence, isSettled) VALUES (?, ?, 0, 0)",
      [record.session.rawValue, job.id.rawValue])
    return Log(position: db.lastInsertedRowID, lastSequence: 0, isSettled: false)
  }

  private func finish() throws {
    for log in logs.values {
      try execute(
        "UPDATE session SET lastSequence = ?, isSettled = ? WHERE position = ?",
        [log.lastSequence, log.isSettled, log.position])
    }
  }

  private func refusal(of record: SessionRecord, _ reason: String) -> StoreError {
    StoreError(
      .failed, "Record \(record.sequence) of session \(record.session) was refused: \(reason).")
  }

  private func execute(_ sql: String, _ arguments: [(any DatabaseValueConvertible)?]) throws {
    try db.cachedStatement(sql: sql).execute(arguments: StatementArguments(arguments))
  }
}
