import BackupModel
import GRDB
internal import Store

/// Reads the tables back. A row that is not what this version wrote throws `corrupt`; none can trap.
enum StoredRows {
  static func epoch(in db: Database) throws -> Int {
    guard let row = try Row.fetchOne(db.cachedStatement(sql: "SELECT epoch FROM term")) else {
      throw StoreError(.corrupt, "The store's term is missing: restore the store from a backup.")
    }
    return try column(0, of: row, "term")
  }

  static func state(in db: Database) throws -> StoredState {
    StoredState(
      epoch: try epoch(in: db), jobs: try jobs(in: db), unsettledSessions: try unsettled(in: db))
  }

  static func log(of session: SessionID, in db: Database) throws
    -> (position: Int64, lastSequence: Int, isSettled: Bool)?
  {
    let statement = try db.cachedStatement(
      sql: "SELECT position, lastSequence, isSettled FROM session WHERE id = ?")
    guard let row = try Row.fetchOne(statement, arguments: [session.rawValue]) else { return nil }
    let place = "session \(session)"
    return (
      try column(0, of: row, place), try column(1, of: row, place),
      try column(2, of: row, place) as Int != 0
    )
  }

  static func records(of session: SessionID, after sequence: Int, limit: Int, in db: Database)
    throws -> [SessionRecord]
  {
    guard limit > 0, let log = try log(of: session, in: db) else { return [] }
    return try records(of: session, log.position, after: max(0, sequence), limit: limit, in: db)
  }

  static func sessions(of job: JobID?, before: SessionID?, limit: Int, in db: Database) throws
    -> [SessionID]
  {
    guard limit > 0 else { return [] }
    var bound = Int64.max
    if let before {
      guard let log = try log(of: before, in: db) else { return [] }
      bound = log.position
    }
    let ofJob = job == nil ? "" : "AND job = ?"
    var arguments: [(any DatabaseValueConvertible)?] = [bound]
    if let job { arguments.append(job.rawValue) }
    arguments.append(limit)
    let statement = try db.cachedStatement(
      sql: "SELECT id FROM session WHERE position < ? \(ofJob) ORDER BY position DESC LIMIT ?")
    return try Row.fetchAll(statement, arguments: StatementArguments(arguments)).map { row in
      try identifier(0, of: row, "session")
    }
  }

  private static func jobs(in db: Database) throws -> [Job] {
    let rows = try Row.fetchAll(db, sql: "SELECT id, definition FROM job ORDER BY id")
    return try rows.map { row in
      let id: JobID = try identifier(0, of: row, "job")
      let job = try StoredJSON.decode(
        Job.self, from: column(1, of: row, "job \(id)"), at: "job \(id)")
      guard job.id == id else { throw damaged("job \(id)", "its definition names \(job.id)") }
      return job
    }
  }

  private static func unsettled(in db: Database) throws -> [[SessionRecord]] {
    let rows = try Row.fetchAll(
      db,
      sql: "SELECT position, id, lastSequence FROM session WHERE NOT isSettled ORDER BY position")
    return try rows.map { row in
      let id: SessionID = try identifier(1, of: row, "session")
      let last: Int = try column(2, of: row, "session \(id)")
      let records = try records(
        of: id, column(0, of: row, "session \(id)"), after: 0, limit: .max, in: db)
      guard records.count == last, case .sessionStarted = records.first?.fact else {
        throw damaged("session \(id)", "its log is not whole")
      }
      return records
    }
  }

  private static func records(
    of session: SessionID, _ position: Int64, after sequence: Int, limit: Int, in db: Database
  ) throws -> [SessionRecord] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT sequence, time, fact FROM record WHERE session = ? AND sequence > ?
        ORDER BY sequence LIMIT ?
        """)
    var records: [SessionRecord] = []
    let rows = try Row.fetchCursor(statement, arguments: [position, sequence, limit])
    while let row = try rows.next() {
      let place = "record \(sequence + records.count + 1) of session \(session)"
      let number: Int = try column(0, of: row, place)
      guard number == sequence + records.count + 1 else { throw damaged(place, "it is missing") }
      records.append(
        SessionRecord(
          session: session, sequence: number,
          time: Timestamp(nanosecondsSinceEpoch: try column(1, of: row, place)),
          fact: try StoredJSON.decode(
            SessionRecord.Fact.self, from: column(2, of: row, place), at: place)))
    }
    return records
  }

  /// GRDB's own subscripts trap on a value of another type, such as damage leaves.
  private static func column<Value: DatabaseValueConvertible>(
    _ index: Int, of row: Row, _ place: String
  ) throws(StoreError) -> Value {
    guard let value = Value.fromDatabaseValue(row[index]) else {
      throw damaged(place, "column \(index) is \(row[index] as DatabaseValue)")
    }
    return value
  }

  private static func identifier<ID: Identifier>(_ index: Int, of row: Row, _ place: String)
    throws(StoreError) -> ID
  {
    let text: String = try column(index, of: row, place)
    guard let id = ID(validating: text) else { throw damaged(place, "\(text) is not its name") }
    return id
  }

  private static func damaged(_ place: String, _ reason: String) -> StoreError {
    StoreError(
      .corrupt, "The store's \(place) is damaged: \(reason). Restore the store from a backup.")
  }
}
