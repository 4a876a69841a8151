internal import BackupModel
internal import Store

extension StoreLaw {
  /// What a transaction does to sessions' logs: all of it, or nothing.
  static let logs: [StoreLaw] = [
    StoreLaw(description: "a transaction may continue several sessions, interleaved") { open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      let (one, two) = (Sample.session(1), Sample.session(2))
      try await store.commit(
        StoreTransaction(
          epoch: epoch, jobs: [.put(Sample.job("nightly"))],
          records: [
            Sample.record(one, 1), Sample.record(two, 1), Sample.record(one, 2),
            Sample.record(two, 2), Sample.record(two, 3),
          ]))
      try await store.commit(
        StoreTransaction(epoch: epoch, records: [Sample.record(one, 3), Sample.record(two, 4)]))
      try demand(
        await store.records(of: one, after: 0, limit: 10),
        is: (1...3).map { Sample.record(one, $0) },
        "session 1")
      try demand(
        await store.records(of: two, after: 0, limit: 10),
        is: (1...4).map { Sample.record(two, $0) },
        "session 2")
    },
    refused("a gap in a log", [Sample.record(Sample.session(1), 4)]),
    refused("a record that is already there", [Sample.record(Sample.session(1), 2)]),
    refused(
      "a second record with one number",
      [
        Sample.record(Sample.session(1), 3), Sample.record(Sample.session(1), 3),
      ]),
    refused(
      "a session that does not begin at 1",
      [
        SessionRecord(
          session: Sample.session(9), sequence: 2, time: Sample.time(2),
          fact: Sample.record(Sample.session(9), 1).fact)
      ]),
    refused(
      "a session that begins with another fact than its start",
      [
        SessionRecord(
          session: Sample.session(9), sequence: 1, time: Sample.time(1),
          fact: .taskStarted(task: 1, attempt: 1))
      ]),
    refused(
      "a record behind the last one of a session",
      [
        Sample.settled(Sample.session(1), 3), Sample.record(Sample.session(1), 4),
      ]),
    StoreLaw(description: "a settled session takes no record, also after reopening") { open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      let id = Sample.session(1)
      try await store.commit(
        StoreTransaction(epoch: epoch, records: [Sample.record(id, 1), Sample.settled(id, 2)]))
      let again = try await open()
      let later = try await again.begin().epoch
      try await demand(.failed, "a record after the last") { () throws(StoreError) in
        try await again.commit(StoreTransaction(epoch: later, records: [Sample.record(id, 3)]))
      }
      try demand(await again.records(of: id, after: 0, limit: 9).count, is: 2, "records")
    },
  ]

  /// Session 1 stands at 2; a transaction with a new job, a good record and then `bad` must leave no trace.
  private static func refused(_ what: String, _ bad: [SessionRecord]) -> StoreLaw {
    StoreLaw(description: "\(what) is refused, and nothing of its transaction is kept") { open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      let before = [Sample.record(Sample.session(1), 1), Sample.record(Sample.session(1), 2)]
      try await store.commit(StoreTransaction(epoch: epoch, records: before))
      try await demand(.failed, what) { () throws(StoreError) in
        try await store.commit(
          StoreTransaction(
            epoch: epoch, jobs: [.put(Sample.job("new"))],
            records: [Sample.record(Sample.session(5), 1)] + bad))
      }
      try demand(
        await store.sessions(of: nil, before: nil, limit: 9), is: [Sample.session(1)], "sessions")
      try demand(
        await open().begin(),
        is: StoredState(epoch: epoch + 1, jobs: [], unsettledSessions: [before]), "state")
    }
  }
}
