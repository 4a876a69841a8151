internal import BackupModel
internal import Store

extension StoreLaw {
  /// Reading in pages.
  static let pages: [StoreLaw] = [
    StoreLaw(description: "records come oldest first, in pages without gap or overlap") { open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      let id = Sample.session(1)
      let all = (1...25).map { Sample.record(id, $0) }
      try await store.commit(StoreTransaction(epoch: epoch, records: all))
      for limit in [1, 7, 25, 100] {
        var read: [SessionRecord] = []
        while case let page = try await store.records(
          of: id, after: read.last?.sequence ?? 0, limit: limit), !page.isEmpty
        {
          try demand(page.count <= limit, is: true, "a page of \(page.count), limit \(limit)")
          read += page
        }
        try demand(read, is: all, "all pages of \(limit)")
      }
      try demand(await store.records(of: id, after: 25, limit: 9), is: [], "after the end")
      try demand(await store.records(of: id, after: .max, limit: .max), is: [], "far after the end")
      try demand(await store.records(of: id, after: 0, limit: 0), is: [], "limit 0")
      try demand(await store.records(of: id, after: 0, limit: -1), is: [], "limit -1")
      try demand(
        await store.records(of: Sample.session(2), after: 0, limit: 9), is: [], "no such session")
    },
    StoreLaw(description: "sessions come newest first, of all jobs or of one, settled or not") {
      open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      // Their names are in no order; the order is that of their beginning.
      let ids = (0..<12).map { Sample.session(($0 * 7) % 12) }
      for (index, id) in ids.enumerated() {
        var records = [Sample.record(id, 1, of: index % 3 == 0 ? "weekly" : "nightly")]
        if index % 2 == 0 { records.append(Sample.settled(id, 2)) }
        try await store.commit(StoreTransaction(epoch: epoch, records: records))
      }
      let weekly = ids.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
      for limit in [1, 5, 50] {
        try demand(
          await allSessions(of: nil, in: store, limit), is: ids.reversed(), "all, by \(limit)")
        try demand(
          await allSessions(of: JobID(rawValue: "weekly"), in: store, limit), is: weekly.reversed(),
          "weekly, by \(limit)")
      }
      try demand(
        await store.sessions(of: JobID(rawValue: "none"), before: nil, limit: 9), is: [], "no job")
      try demand(
        await store.sessions(of: nil, before: Sample.session(99), limit: 9), is: [],
        "before a session that is not there")
      try demand(await store.sessions(of: nil, before: nil, limit: 0), is: [], "limit 0")
      try demand(await store.sessions(of: nil, before: nil, limit: -3), is: [], "limit -3")
    },
  ]

  private static func allSessions(of job: JobID?, in store: any CoordinatorStore, _ limit: Int)
    async throws -> [SessionID]
  {
    var all: [SessionID] = []
    while case let page = try await store.sessions(of: job, before: all.last, limit: limit),
      !page.isEmpty
    {
      try demand(page.count <= limit, is: true, "a page of \(page.count), limit \(limit)")
      all += page
    }
    return all
  }
}
