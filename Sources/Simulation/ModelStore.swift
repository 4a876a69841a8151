internal import BackupModel
internal import CoordinatorCore

/// What is durable.
struct ModelStore {
  private(set) var epoch = 0
  private(set) var jobs: [Job] = []
  private(set) var sessions: [(id: SessionID, records: [SessionRecord])] = []

  mutating func begin() -> Int {
    epoch += 1
    return epoch
  }

  mutating func change(_ changes: [Effects.JobChange]) {
    for change in changes {
      switch change {
      case .put(let job):
        jobs.removeAll { $0.id == job.id }
        jobs.append(job)
        jobs.sort { $0.id < $1.id }
      case .delete(let id): jobs.removeAll { $0.id == id }
      }
    }
  }

  /// False: it does not continue its session's log.
  mutating func append(_ record: SessionRecord) -> Bool {
    if let index = index(of: record.session) {
      guard record.sequence == sessions[index].records.count + 1 else { return false }
      sessions[index].records.append(record)
      return true
    }
    guard record.sequence == 1 else { return false }
    sessions.append((record.session, [record]))
    return true
  }

  func records(of session: SessionID) -> [SessionRecord] {
    index(of: session).map { sessions[$0].records } ?? []
  }

  var unsettled: [[SessionRecord]] {
    sessions.map(\.records).filter { $0.last?.fact != .sessionSettled }
  }

  private func index(of session: SessionID) -> Int? {
    sessions.lastIndex { $0.id == session }
  }
}
