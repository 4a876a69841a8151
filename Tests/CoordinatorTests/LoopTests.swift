import BackupModel
import BelayAPI
import GRPC
import Store
import Testing
import WorkerLink

@testable import Coordinator

/// The loop's order, its failures, and the worker link.
@Suite(.timeLimit(.minutes(2))) struct LoopTests {
  private let name = "jobs/nightly/sessions/s1"

  @Test("No reply leaves before its transaction is durable")
  func durableFirst() async throws {
    let store = MemoryStore()
    try await Bench.run(store) { bench in
      try await bench.start()
      store.hold()
      let answered = Counter()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          _ = try await bench.sessions.stopSession(.init(name: name, mode: .immediate))
          let stands = store.log(of: SessionID(rawValue: "s1")).contains {
            if case .stopAccepted = $0.fact { true } else { false }
          }
          #expect(stands)
          _ = answered.increment()
        }
        await store.arrivalOfHeldCommit()
        #expect(answered.increment() == 1)
        store.letGo()
        try await group.next()
      }
    }
  }

  @Test("A commit whose outcome is unknown, and that stood, is there for the next term")
  func unknownAndWritten() async throws {
    let store = MemoryStore()
    try await Bench.run(store) { bench in
      _ = try await bench.jobs.createJob(.init(jobID: "nightly", job: Bench.job()))
      store.fail(next: .writtenButUnknown)
      let start = BelayV1.StartJobRequest(name: "jobs/nightly", requestID: "go")
      let refused = await refusal { try await bench.jobs.startJob(start) }
      #expect(refused?.0.code == .unavailable && refused?.reason == "OUTCOME_UNKNOWN")
      #expect(refused?.0.detail(GoogleRpc.RetryInfo.self) != nil)
      let again = try await Self.retried(bench) { try await bench.jobs.startJob(start) }
      #expect(again.session?.name == name)
      #expect(try await bench.sessions.listSessions(.init(parent: "jobs/-")).sessions.count == 1)
    }
  }

  @Test(
    "A commit that failed, or was lost, leaves nothing behind in memory", arguments: [true, false])
  func lost(isKnown: Bool) async throws {
    let store = MemoryStore()
    try await Bench.run(store) { bench in
      try await bench.start()
      store.fail(next: isKnown ? .failed : .lostAndUnknown)
      let stop = BelayV1.StopSessionRequest(name: name, mode: .immediate, requestID: "r1")
      let refused = await refusal { try await bench.sessions.stopSession(stop) }
      #expect(refused?.0.code == .unavailable)
      let session = try await Self.retried(bench) {
        try await bench.sessions.getSession(.init(name: name)).session
      }
      #expect(session?.stop == nil && session?.state == .waitingSlot)
      #expect(try await bench.sessions.stopSession(stop).disposition == .accepted)
    }
  }

  /// Calls again while the coordinator begins anew; the clock is turned on for its pause.
  private static func retried<Value: Sendable>(
    _ bench: Bench, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    let turning = Task {
      while !Task.isCancelled {
        bench.clock.turn(by: .milliseconds(100))
        await Task.yield()
      }
    }
    defer { turning.cancel() }
    while true {
      do {
        return try await body()
      } catch let error as RPCError where error.code == .unavailable {
        await Task.yield()
      }
    }
  }

  @Test("A coordinator that another one has superseded ends, and its calls with it")
  func superseded() async throws {
    let store = MemoryStore()
    await #expect(throws: StoreError.self) {
      try await Bench.run(store) { bench in
        try await bench.start()
        _ = try await store.begin()
        let refused = await refusal {
          try await bench.sessions.stopSession(.init(name: name, mode: .immediate))
        }
        #expect(refused?.0.code == .unavailable)
        try await Task.sleep(for: .seconds(60))
      }
    }
  }

  @Test("A worker's first message must be its registration")
  func registrationFirst() async throws {
    try await Bench.run { bench in
      let refused = await refusal {
        try await bench.workers.attach { requests, responses in
          try await requests.write(WorkerLinkRequest.report(epoch: 1, WorkerReport()).wire)
          for try await _ in responses {}
        }
      }
      #expect(refused?.0.code == .invalidArgument)
    }
  }

  @Test("A report of another epoch is ABORTED, STALE_LEASE")
  func staleEpoch() async throws {
    try await Bench.run { bench in
      let refused = await refusal {
        try await bench.workers.attach { requests, responses in
          try await requests.write(Self.registration("w1"))
          var iterator = responses.makeAsyncIterator()
          _ = try await iterator.next()
          try await requests.write(WorkerLinkRequest.report(epoch: 99, WorkerReport()).wire)
          while try await iterator.next() != nil {}
        }
      }
      #expect(refused?.0.code == .aborted && refused?.reason == "STALE_LEASE")
    }
  }

  private static func registration(_ id: String, slots: Int = 1) -> BelayV1.AttachRequest {
    WorkerLinkRequest.register(
      WorkerRegistration(
        worker: WorkerID(rawValue: id), incarnation: "a", host: HostID(rawValue: "host-1"),
        slots: slots, hypervisors: ["disk-images"])
    ).wire
  }

  @Test("Each report is answered by one renewal")
  func renewals() async throws {
    try await Bench.run { bench in
      try await bench.workers.attach { requests, responses in
        try await requests.write(Self.registration("w1"))
        var iterator = responses.makeAsyncIterator()
        guard let first = try await iterator.next(),
          case .registered(let epoch, let lease, _) = try WorkerLinkResponse(first)
        else {
          Issue.record("no registration was answered")
          return
        }
        for _ in 1...5 {
          try await requests.write(WorkerLinkRequest.report(epoch: epoch, WorkerReport()).wire)
        }
        for _ in 1...5 {
          let response = try #require(try await iterator.next())
          #expect(
            try WorkerLinkResponse(response) == .renewal(epoch: epoch, leaseDuration: lease))
        }
      }
    }
  }

  @Test("The same worker on a newer stream ends the older one: ABORTED, STALE_LEASE")
  func replaced() async throws {
    try await Bench.run { bench in
      let refused = await refusal {
        try await bench.workers.attach { requests, responses in
          try await requests.write(Self.registration("w1"))
          var iterator = responses.makeAsyncIterator()
          _ = try await iterator.next()
          try await bench.workers.attach { requests, responses in
            try await requests.write(Self.registration("w1"))
            var inner = responses.makeAsyncIterator()
            _ = try await inner.next()
            while try await iterator.next() != nil {}
          }
        }
      }
      #expect(refused?.0.code == .aborted && refused?.reason == "STALE_LEASE")
    }
  }

  @Test("A registration beyond the bounds is refused with its reason")
  func refusedRegistration() async throws {
    try await Bench.run { bench in
      let refused = await refusal {
        try await bench.workers.attach { requests, responses in
          try await requests.write(Self.registration("w1", slots: 9999))
          for try await _ in responses {}
        }
      }
      #expect(refused?.0.code == .invalidArgument)
    }
  }

  @Test("Workers are listed with what they have, and where they are")
  func listWorkers() async throws {
    try await Bench.run { bench in
      let worker = ScriptedLink("w1", slots: 2, holding: [1], on: bench.channel)
      try await bench.working([worker]) {
        try await bench.start()
        try await bench.waitForTransfer(1, of: name)
        let listed = try await bench.workers.listWorkers(.init()).workers
        #expect(listed.map(\.name) == ["workers/w1"])
        #expect(listed.first?.state == .ready && listed.first?.busySlots == 1)
        #expect(listed.first?.tasks == [name + "/tasks/1"])
      }
    }
  }

  @Test("A full mailbox refuses a client, with the time to come again")
  func fullMailbox() async throws {
    var bounds = CoordinatorServer.Bounds()
    bounds.mailbox = 0
    try await Bench.run(bounds: bounds) { bench in
      let refused = await refusal { try await bench.jobs.listJobs(.init()) }
      #expect(refused?.0.code == .resourceExhausted && refused?.reason == "OVERLOADED")
      #expect(refused?.0.detail(GoogleRpc.RetryInfo.self) != nil)
    }
  }
}
