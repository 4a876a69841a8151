import GRDB

/// The tables of the store, and how a file of an earlier version becomes one of this version.
///
/// Facts and jobs are JSON text (``StoredJSON``); every other column is derived from them in the same transaction,
/// to be searched by. `session.position` is the order in which the sessions began.
enum StoreSchema {
  /// What marks an SQLite file as a coordinator's store: "BLAY", in the header's `application_id`.
  static let applicationID: Int64 = 0x424C_4159

  static let migrator: DatabaseMigrator = {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: terms, jobs, sessions and their records") { db in
      try db.execute(sql: version1)
    }
    return migrator
  }()

  private static let version1 = """
    CREATE TABLE term (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO term VALUES (1, 0);

    CREATE TABLE job (
      id TEXT PRIMARY KEY NOT NULL,
      definition TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE session (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      job TEXT NOT NULL,
      lastSequence INTEGER NOT NULL,
      isSettled INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessionByJob ON session (job, position);
    CREATE INDEX unsettledSession ON session (position) WHERE NOT isSettled;

    CREATE TABLE record (
      session INTEGER NOT NULL REFERENCES session (position),
      sequence INTEGER NOT NULL,
      time INTEGER NOT NULL,
      fact TEXT NOT NULL,
      PRIMARY KEY (session, sequence)
    ) STRICT, WITHOUT ROWID;

    PRAGMA application_id = \(applicationID);
    """
}
