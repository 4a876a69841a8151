internal import BackupModel
internal import OrderedCollections

/// Checkpoints that a worker found on its host although their session is settled: a zombie made them too late.
///
/// Nothing here is durable: the next registration tells it again. Nothing is removed that the session's stored
/// ledger does not name.
struct StrayLedger: Sendable, Equatable {
  private var entries: OrderedDictionary<CheckpointName, Entry> = [:]
  private static let limit = 10_000

  private struct Entry: Sendable, Equatable {
    let record: CheckpointRecord
    var isConfirmed = false
    var holder: WorkerID?
    var tries = 0
    var nextTry: Timestamp
  }

  /// Notes what was found. False: it is known already, or there is no room for more.
  mutating func ask(_ record: CheckpointRecord) -> Bool {
    guard entries[record.name] == nil, entries.count < Self.limit else { return false }
    entries[record.name] = Entry(
      record: record, nextTry: Timestamp(nanosecondsSinceEpoch: .min))
    return true
  }

  mutating func answer(_ session: SessionID, ledger: [CheckpointName]) {
    let known = Set(ledger)
    for name in entries.keys where name.attempt.task.session == session {
      if known.contains(name) {
        entries[name]?.isConfirmed = true
      } else {
        entries[name] = nil
      }
    }
  }

  func due(at now: Timestamp) -> [CheckpointRecord] {
    entries.values.filter { $0.isConfirmed && $0.nextTry <= now }.map(\.record)
  }

  mutating func give(
    _ name: CheckpointName, to worker: WorkerID, at now: Timestamp, bound: Duration
  ) {
    entries[name]?.holder = worker
    entries[name]?.nextTry = now.advanced(by: bound)
  }

  mutating func take(_ report: DutyReport, from worker: WorkerID, at now: Timestamp) {
    guard case .removeCheckpoint(let record) = report.duty else { return }
    guard var entry = entries[record.name], entry.holder == worker else { return }
    if report.failure == nil {
      entries[record.name] = nil
    } else {
      entry.tries += 1
      entry.holder = nil
      entry.nextTry = now.advanced(
        by: RemovalSchedule.wait(afterTry: entry.tries) ?? RemovalSchedule.slow)
      entries[record.name] = entry
    }
  }

  mutating func release(_ worker: WorkerID) {
    for (name, entry) in entries where entry.holder == worker {
      entries[name]?.holder = nil
      entries[name]?.nextTry = Timestamp(nanosecondsSinceEpoch: .min)
    }
  }

  var deadlines: [Timestamp] { entries.values.filter(\.isConfirmed).map(\.nextTry) }
}
