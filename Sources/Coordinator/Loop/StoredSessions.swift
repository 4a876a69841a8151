internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC
internal import Store

/// Sessions as the store has them: the same fold as the live ones.
struct StoredSessions: Sendable {
  let store: any CoordinatorStore
  static let pageSize = 1000

  func records(of session: SessionID) async throws(StoreError) -> [SessionRecord] {
    var records: [SessionRecord] = []
    while true {
      let page = try await store.records(
        of: session, after: records.last?.sequence ?? 0, limit: Self.pageSize)
      records += page
      if page.count < Self.pageSize { return records }
    }
  }

  func history(of session: SessionID) async throws -> SessionHistory? {
    let records = try await rpc { () throws(StoreError) in try await self.records(of: session) }
    guard !records.isEmpty else { return nil }
    do {
      return try SessionHistory(records)
    } catch {
      throw RPCError(.dataLoss, error.description, reason: "SESSION_LOG_CORRUPT")
    }
  }

  func reading(of session: SessionID) async throws -> SessionReading? {
    try await history(of: session).map { SessionReading(view: SessionView($0)) }
  }

  func sessions(of job: JobID?, before: SessionID?, limit: Int) async throws -> [SessionID] {
    try await rpc { () throws(StoreError) in
      try await store.sessions(of: job, before: before, limit: limit)
    }
  }

  /// One page of a session's log after a sequence number.
  func page(of session: SessionID, after sequence: Int) async throws -> [SessionRecord] {
    try await rpc { () throws(StoreError) in
      try await store.records(of: session, after: sequence, limit: Self.pageSize)
    }
  }

  private func rpc<Value>(_ body: () async throws(StoreError) -> Value) async throws -> Value {
    do {
      return try await body()
    } catch {
      throw RPCError(
        error.code == .corrupt ? .dataLoss : .unavailable, "the store could not be read",
        reason: "STORE_UNAVAILABLE", retryDelay: .seconds(1))
    }
  }
}
