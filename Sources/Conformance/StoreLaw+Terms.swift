internal import BackupModel
internal import Store

extension StoreLaw {
  /// Who may write, and what a term begins with.
  static let terms: [StoreLaw] = [
    StoreLaw(description: "an empty store begins term 1 with nothing") { open in
      try demand(
        await open().begin(), is: StoredState(epoch: 1, jobs: [], unsettledSessions: []), "state")
    },
    StoreLaw(description: "each term has the next number, also after reopening") { open in
      let store = try await open()
      try demand(await store.begin().epoch, is: 1, "first")
      try demand(await store.begin().epoch, is: 2, "second")
      try demand(await open().begin().epoch, is: 3, "after reopening")
    },
    StoreLaw(description: "an earlier term can't write any more") { open in
      let (old, new) = (try await open(), try await open())
      let first = try await old.begin().epoch
      try await old.commit(StoreTransaction(epoch: first, jobs: [.put(Sample.job("a"))]))
      let second = try await new.begin()
      try demand(second.jobs, is: [Sample.job("a")], "what the second term finds")
      try await demand(.superseded, "a commit of term 1 in term 2") { () throws(StoreError) in
        try await old.commit(StoreTransaction(epoch: first, jobs: [.put(Sample.job("b"))]))
      }
      try await demand(.superseded, "an empty commit of term 1") { () throws(StoreError) in
        try await old.commit(StoreTransaction(epoch: first))
      }
      try await new.commit(
        StoreTransaction(epoch: second.epoch, jobs: [.delete(JobID(rawValue: "a"))]))
      try demand(await new.begin().jobs, is: [], "jobs")
    },
    StoreLaw(description: "a term that has not begun can't write") { open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      try await demand(.failed, "a commit of a later term") { () throws(StoreError) in
        try await store.commit(StoreTransaction(epoch: epoch + 1))
      }
    },
    StoreLaw(description: "jobs come back as they were put, by id; a deleted one does not") {
      open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      try await store.commit(
        StoreTransaction(
          epoch: epoch, jobs: [.put(Sample.job("c")), .put(Sample.job("a")), .put(Sample.job("b"))])
      )
      try await store.commit(
        StoreTransaction(
          epoch: epoch,
          jobs: [
            .put(Sample.job("a", revision: 2)), .delete(JobID(rawValue: "b")),
            .delete(JobID(rawValue: "missing")),
          ]))
      try demand(
        await open().begin().jobs, is: [Sample.job("a", revision: 2), Sample.job("c")], "jobs")
    },
    StoreLaw(
      description: "a term begins with every unsettled session, whole, and with no settled one"
    ) {
      open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      let (first, second, third) = (Sample.session(3), Sample.session(1), Sample.session(2))
      let logs = [first, second, third].map { id in (1...5).map { Sample.record(id, $0) } }
      for records in logs {
        try await store.commit(StoreTransaction(epoch: epoch, records: records))
      }
      try await store.commit(
        StoreTransaction(epoch: epoch, records: [Sample.settled(second, 6)]))
      try demand(
        await open().begin().unsettledSessions, is: [logs[0], logs[2]], "unsettled sessions")
    },
  ]
}
