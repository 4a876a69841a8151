package import BackupModel

/// What the coordinator must not forget.
///
/// Jobs are kept as they are; sessions as the log of their records. Every adapter passes `Conformance`'s store suite.
package protocol CoordinatorStore: Sendable {
  /// Opens a new term: raises the stored epoch by one, durably, and returns all that a coordinator begins with.
  ///
  /// A transaction of an earlier term is refused from then on, so that of two coordinators on one store the older
  /// one can't write any more.
  func begin() async throws(StoreError) -> StoredState

  /// Makes a transaction durable, all of it or nothing. Returns only when it would survive a power cut.
  func commit(_ transaction: StoreTransaction) async throws(StoreError)

  /// A session's records after a sequence number, oldest first; at most `limit`. Empty if there is no such session.
  func records(of session: SessionID, after sequence: Int, limit: Int) async throws(StoreError)
    -> [SessionRecord]

  /// Sessions, newest first, that began before `before` in that order; at most `limit`.
  func sessions(of job: JobID?, before: SessionID?, limit: Int) async throws(StoreError)
    -> [SessionID]
}

/// What a term begins with.
package struct StoredState: Sendable, Equatable {
  /// The number of this term, from 1.
  package var epoch: Int
  /// All jobs, by id.
  package var jobs: [Job]
  /// All records of each session that is not settled (``SessionRecord/Fact/sessionSettled``), by the order in which
  /// the sessions began.
  package var unsettledSessions: [[SessionRecord]]

  package init(epoch: Int, jobs: [Job], unsettledSessions: [[SessionRecord]]) {
    self.epoch = epoch
    self.jobs = jobs
    self.unsettledSessions = unsettledSessions
  }
}

/// One step of the coordinator, to be made durable whole.
package struct StoreTransaction: Sendable, Equatable {
  package enum JobChange: Sendable, Equatable {
    case put(Job)
    case delete(JobID)
  }

  /// The term of the coordinator that writes it.
  package var epoch: Int
  package var jobs: [JobChange]
  /// In the order in which they happened; each continues its session's log without a gap.
  package var records: [SessionRecord]

  package init(epoch: Int, jobs: [JobChange] = [], records: [SessionRecord] = []) {
    self.epoch = epoch
    self.jobs = jobs
    self.records = records
  }
}

/// Why the store did not do what it was asked.
package struct StoreError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// Another coordinator has begun a later term. Final for this one.
    case superseded
    /// Nothing was written.
    case failed
    /// The transaction may or may not be durable: only a new term can tell.
    case outcomeUnknown
    /// The stored data is not what this version wrote.
    case corrupt
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
