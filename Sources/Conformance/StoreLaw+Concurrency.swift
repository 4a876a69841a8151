internal import BackupModel
internal import Store

extension StoreLaw {
  /// Readers beside the writer, and callers that give up.
  static let concurrency: [StoreLaw] = [
    StoreLaw(description: "readers beside the writer see whole transactions, in order") { open in
      let (writer, other) = (try await open(), try await open())
      let epoch = try await writer.begin().epoch
      let id = Sample.session(1)
      let (batches, batch) = (40, 5)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for number in 0..<batches {
            let sequences = (number * batch + 1)...((number + 1) * batch)
            try await writer.commit(
              StoreTransaction(epoch: epoch, records: sequences.map { Sample.record(id, $0) }))
          }
        }
        for reader in [writer, other, writer, other] {
          group.addTask {
            var seen = 0
            while seen < batches * batch {
              let records = try await reader.records(of: id, after: 0, limit: .max)
              try demand(records.count % batch, is: 0, "\(records.count) records: a torn batch")
              try demand(records.count >= seen, is: true, "\(records.count) records after \(seen)")
              try demand(
                records.map(\.sequence), is: Array(0..<records.count).map { $0 + 1 }, "sequences")
              seen = records.count
            }
          }
        }
        try await group.waitForAll()
      }
    },
    StoreLaw(description: "a commit that returned is seen by the next read of anyone") { open in
      let (writer, other) = (try await open(), try await open())
      let epoch = try await writer.begin().epoch
      let id = Sample.session(1)
      for sequence in 1...20 {
        try await writer.commit(
          StoreTransaction(epoch: epoch, records: [Sample.record(id, sequence)]))
        for store in [writer, other] {
          try demand(
            await store.records(of: id, after: sequence - 1, limit: 2),
            is: [Sample.record(id, sequence)], "after commit \(sequence)")
        }
      }
    },
    StoreLaw(description: "a canceled caller's commit is whole or absent, as its answer says") {
      open in
      let store = try await open()
      let epoch = try await store.begin().epoch
      var expected: [SessionID] = []
      for number in 1...20 {
        let id = Sample.session(number)
        let task = Task {
          try await store.commit(
            StoreTransaction(epoch: epoch, records: (1...3).map { Sample.record(id, $0) }))
        }
        task.cancel()
        if case .success = await task.result { expected.append(id) }
      }
      try demand(
        await open().begin().unsettledSessions,
        is: expected.map { id in (1...3).map { Sample.record(id, $0) } }, "sessions")
    },
  ]
}
