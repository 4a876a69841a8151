import BackupModel
import Store
import Synchronization

/// A store in memory that can be told to fail, and to hold a transaction back.
final class MemoryStore: CoordinatorStore {
  enum Fault: Sendable {
    /// Nothing is written.
    case failed
    /// It is written, and the caller is told that nobody knows.
    case writtenButUnknown
    /// It is not written, and the caller is told that nobody knows.
    case lostAndUnknown
  }

  fileprivate struct State {
    var epoch = 0
    var jobs: [JobID: Job] = [:]
    var logs: [SessionID: [SessionRecord]] = [:]
    var order: [SessionID] = []
    var faults: [Fault] = []
    var isHeld = false
    var held: [CheckedContinuation<Void, Never>] = []
    var arrivals: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func fail(next fault: Fault) { state.withLock { $0.faults.append(fault) } }

  func log(of session: SessionID) -> [SessionRecord] { state.withLock { $0.logs[session] ?? [] } }

  /// Forgets a session's oldest records, as a compaction would.
  func compact(_ session: SessionID, keeping last: Int) {
    state.withLock { state in
      state.logs[session] = state.logs[session]?.suffix(last).map { $0 }
    }
  }

  /// From now on commits wait until `letGo`.
  func hold() { state.withLock { $0.isHeld = true } }

  /// Waits until a commit is held.
  func arrivalOfHeldCommit() async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if !state.held.isEmpty { return true }
        state.arrivals.append(continuation)
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  func letGo() {
    let held = state.withLock { state in
      state.isHeld = false
      let held = state.held
      state.held = []
      return held
    }
    for continuation in held { continuation.resume() }
  }

  func begin() async throws(StoreError) -> StoredState {
    state.withLock { state in
      state.epoch += 1
      return StoredState(
        epoch: state.epoch, jobs: state.jobs.values.sorted { $0.id < $1.id },
        unsettledSessions: state.order.compactMap { state.logs[$0] }.filter {
          $0.last?.fact != .sessionSettled
        })
    }
  }

  func commit(_ transaction: StoreTransaction) async throws(StoreError) {
    await withCheckedContinuation { continuation in
      let arrivals = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
        guard state.isHeld else { return nil }
        state.held.append(continuation)
        let arrivals = state.arrivals
        state.arrivals = []
        return arrivals
      }
      guard let arrivals else { return continuation.resume() }
      for arrival in arrivals { arrival.resume() }
    }
    let error = state.withLock { $0.write(transaction) }
    if let error { throw error }
  }

  func records(of session: SessionID, after sequence: Int, limit: Int)
    async throws(StoreError) -> [SessionRecord]
  {
    Array(log(of: session).filter { $0.sequence > sequence }.prefix(limit))
  }

  func sessions(of job: JobID?, before: SessionID?, limit: Int) async throws(StoreError)
    -> [SessionID]
  {
    state.withLock { state in
      var ids = Array(state.order.reversed())
      if let before { ids = Array(ids.drop { $0 != before }.dropFirst()) }
      guard let job else { return Array(ids.prefix(limit)) }
      let own = ids.filter { id in
        guard case .sessionStarted(let started, _)? = state.logs[id]?.first?.fact else {
          return false
        }
        return started.id == job
      }
      return Array(own.prefix(limit))
    }
  }
}

extension MemoryStore.State {
  fileprivate mutating func write(_ transaction: StoreTransaction) -> StoreError? {
    guard transaction.epoch == epoch else {
      return StoreError(.superseded, "a later term has begun")
    }
    let fault = faults.isEmpty ? nil : faults.removeFirst()
    switch fault {
    case .failed?: return StoreError(.failed, "disk full")
    case .lostAndUnknown?: return StoreError(.outcomeUnknown, "connection lost")
    case .writtenButUnknown?, nil: break
    }
    for change in transaction.jobs {
      switch change {
      case .put(let job): jobs[job.id] = job
      case .delete(let id): jobs[id] = nil
      }
    }
    for record in transaction.records {
      if record.sequence == 1 { order.append(record.session) }
      logs[record.session, default: []].append(record)
    }
    return fault == nil ? nil : StoreError(.outcomeUnknown, "connection lost")
  }
}
