import BackupModel
import Foundation
import SQLiteStore
import Store
import Testing

@Suite("What a crash leaves of the store")
struct SQLiteStoreCrashTests {
  /// Transaction n appends `batch` records to session `s1`, or begins it.
  private static let batch = 7

  private static func transaction(_ number: Int, epoch: Int) -> StoreTransaction {
    let first = (number - 1) * batch + 1
    return StoreTransaction(
      epoch: epoch, records: (first..<(first + batch)).map { SampleRecords.record("s1", $0) })
  }

  @Test("A process killed while it commits leaves every acknowledged commit, and at most one more")
  func killedWriter() async throws {
    for seed in 0..<6 {
      let directory = try TemporaryDirectory()
      let path = directory.path
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [path = path as String, seed = seed as Int] in
        let store = try SQLiteStore(path: path + "/belay.db")
        let epoch = try await store.begin().epoch
        let acknowledged = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var random = SeededGenerator(seed: seed)
        // The kill comes from another thread, wherever the writer then is.
        let microseconds = UInt32.random(in: 2_000..<60_000, using: &random)
        Thread.detachNewThread {
          while lseek(acknowledged, 0, SEEK_END) < 3 { sched_yield() }
          usleep(microseconds)
          kill(getpid(), SIGKILL)
        }
        for number in 1... {
          try await store.commit(Self.transaction(number, epoch: epoch))
          guard write(acknowledged, "+", 1) == 1 else { return }
        }
      }
      let acknowledged = try Data(
        contentsOf: URL(fileURLWithPath: directory.file("acknowledged"))
      ).count
      let state = try await SQLiteStore(path: directory.file("belay.db")).begin()
      let records = try #require(state.unsettledSessions.first)
      #expect(state.epoch == 2, "seed \(seed)")
      #expect(records.count % Self.batch == 0, "seed \(seed): \(records.count) records")
      let commits = records.count / Self.batch
      #expect(
        (acknowledged...(acknowledged + 1)).contains(commits),
        "seed \(seed): \(acknowledged) acknowledged, \(commits) found")
    }
  }

  @Test("A write-ahead log torn or damaged anywhere leaves the commits before that place")
  func tornLog() async throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.file("belay.db"))
    let epoch = try await store.begin().epoch
    var ends: [Int] = []
    for number in 1...12 {
      try await store.commit(Self.transaction(number, epoch: epoch))
      ends.append(try Data(contentsOf: URL(fileURLWithPath: directory.file("belay.db-wal"))).count)
    }
    let main = try Data(contentsOf: URL(fileURLWithPath: directory.file("belay.db")))
    let log = try Data(contentsOf: URL(fileURLWithPath: directory.file("belay.db-wal")))
    var random = SeededGenerator(seed: 1)
    for round in 0..<80 {
      let place = Int.random(in: ends[0]..<log.count, using: &random)
      var damaged = log
      if round % 2 == 0 {
        damaged = log.prefix(place)
      } else {
        damaged[damaged.startIndex + place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      let copy = try TemporaryDirectory()
      try main.write(to: URL(fileURLWithPath: copy.file("belay.db")))
      try damaged.write(to: URL(fileURLWithPath: copy.file("belay.db-wal")))
      let state = try await SQLiteStore(path: copy.file("belay.db")).begin()
      let whole = ends.filter { $0 <= place }.count
      #expect(
        state.unsettledSessions.map(\.count) == [whole * Self.batch],
        "round \(round): the log is whole up to byte \(place)")
    }
  }
}
