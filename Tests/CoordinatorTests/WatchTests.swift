import BackupModel
import BelayAPI
import CoordinatorCore
import GRPC
import Synchronization
import Testing

@testable import Coordinator

/// semantics.md §11.
@Suite(.timeLimit(.minutes(2))) struct WatchTests {
  private let name = "jobs/nightly/sessions/s1"

  @Test("The first message is the snapshot; then every change once and in order; then OK")
  func order() async throws {
    try await Bench.run { bench in
      try await bench.start()
      try await bench.working([ScriptedLink(on: bench.channel)]) {
        let kinds = try await bench.watch(name)
        guard case .snapshot(let snapshot)? = kinds.first else {
          Issue.record("the first message is no snapshot: \(kinds.first.debugDescription)")
          return
        }
        let sequences = kinds.events.map(\.sequence)
        let store = try #require(bench.store as? MemoryStore)
        let stopped = store.log(of: SessionID(rawValue: "s1")).first {
          if case .sessionStopped = $0.fact { true } else { false }
        }
        #expect(sequences == Array((snapshot.sequence + 1)...Int64(stopped?.sequence ?? 0)))
        #expect(kinds.events.last?.session?.state == .stopped)
        for event in kinds.events {
          #expect(event.session?.sequence == event.sequence)
        }
      }
    }
  }

  @Test(
    "A stream that breaks and is continued misses nothing and repeats nothing", arguments: 1...12)
  func reconnect(cut: Int) async throws {
    try await Bench.run { bench in
      try await bench.start()
      try await bench.working([ScriptedLink(on: bench.channel)]) {
        let seen = Counter()
        let first = try await bench.watch(name) { kind in
          if case .event = kind { seen.increment() >= cut } else { false }
        }
        let last = try #require(first.events.last?.sequence)
        let rest = try await bench.watch(name, after: last)
        let joined = (first.events + rest.events).map(\.sequence)
        #expect(joined == Array(joined[0]..<(joined[0] + Int64(joined.count))), "cut \(cut)")
        #expect((first.events + rest.events).last?.session?.state == .stopped)
        guard case .snapshot? = rest.first else {
          Issue.record("the continued stream has no snapshot")
          return
        }
      }
    }
  }

  @Test("A session that has ended is watched from the store: the same events, and OK")
  func ended() async throws {
    try await Bench.run { bench in
      try await bench.start()
      try await bench.working([ScriptedLink(on: bench.channel)]) {
        let live = try await bench.watch(name)
        let first = try #require(live.events.first?.sequence)
        let later = try await bench.watch(name, after: first - 1)
        #expect(later.events.prefix(live.events.count).map { $0 } == live.events)
        let plain = try await bench.watch(name)
        #expect(plain.count == 1)
      }
    }
  }

  @Test("Changes that are not kept any more are OUT_OF_RANGE, with the oldest")
  func compacted() async throws {
    let store = MemoryStore()
    try await Bench.run(store) { bench in
      try await bench.start()
      try await bench.working([ScriptedLink(holding: [2], on: bench.channel)]) {
        try await bench.waitForTransfer(2, of: name)
        store.compact(SessionID(rawValue: "s1"), keeping: 3)
        let oldest = try #require(store.log(of: SessionID(rawValue: "s1")).first?.sequence)
        let refused = await refusal { try await bench.watch(name, after: 1) }
        #expect(refused?.0.code == .outOfRange && refused?.reason == "WATCH_SEQUENCE_COMPACTED")
        let info = refused?.0.detail(GoogleRpc.ErrorInfo.self)
        #expect(info?.metadata["oldest"] == "\(oldest)")
      }
    }
  }

  @Test("A sequence that the session has not reached is refused")
  func future() async throws {
    try await Bench.run { bench in
      try await bench.start()
      let refused = await refusal { try await bench.watch(name, after: 999) }
      #expect(refused?.0.code == .invalidArgument)
    }
  }

  @Test(
    "Progress is told with the newest value; while nothing happens, a heartbeat with the sequence")
  func progressAndHeartbeat() async throws {
    try await Bench.run { bench in
      try await bench.start(Bench.job(vms: 1))
      let worker = ScriptedLink(holding: [1], on: bench.channel)
      try await bench.working([worker]) {
        try await bench.waitForTransfer(1, of: name)
        try await bench.sessions.watchSession(.init(name: name)) { responses in
          var iterator = responses.makeAsyncIterator()
          _ = try await iterator.next()
          for bytes: UInt64 in [20, 30, 40] { worker.move(1, to: bytes) }
          let progress = try await Self.next(&iterator, bench) { kind in
            if case .progress(let progress) = kind,
              progress.tasks.first?.progress?.processedBytes == 40
            {
              progress
            } else {
              nil
            }
          }
          #expect(progress.tasks.map(\.ordinal) == [1])
          #expect(progress.tasks[0].phase == .transferring)
          let heartbeat = try await Self.next(&iterator, bench) { kind in
            if case .heartbeat(let heartbeat) = kind { heartbeat } else { nil }
          }
          let session = try await bench.sessions.getSession(.init(name: name)).session
          #expect(heartbeat.sequence == session?.sequence)
        }
      }
    }
  }

  /// The next message that `pick` takes, while the clock is turned until it comes.
  private static func next<Value: Sendable>(
    _ iterator: inout ResponseStream<BelayV1.WatchSessionResponse>.AsyncIterator, _ bench: Bench,
    _ pick: (BelayV1.WatchSessionResponse.Kind) -> Value?
  ) async throws -> Value {
    let turning = Task {
      while !Task.isCancelled {
        bench.clock.turn(by: .milliseconds(500))
        await Task.yield()
      }
    }
    defer { turning.cancel() }
    while let response = try await iterator.next() {
      if let value = response.kind.flatMap(pick) { return value }
    }
    throw RPCError(.internal, "the watch ended")
  }

  @Test(
    "A reader that is slow holds a bounded number of records, and reads the rest from the store")
  func slowReader() async throws {
    let session = SessionID(rawValue: "s1")
    let feed = SessionFeed(session: session, number: 1)
    func record(_ sequence: Int) -> SessionRecord {
      SessionRecord(
        session: session, sequence: sequence, time: Timestamp(nanosecondsSinceEpoch: 0),
        fact: .stateChanged(.working))
    }
    for sequence in 1...SessionFeed.limit { feed.add(record(sequence)) }
    let full = try await feed.next()
    #expect(full.records.map(\.sequence) == Array(1...SessionFeed.limit) && !full.isBehind)
    for sequence in 1...(SessionFeed.limit * 3) { feed.add(record(sequence)) }
    let behind = try await feed.next()
    #expect(behind.isBehind && behind.records.isEmpty)
  }

  @Test("A watcher that has fallen behind still sees every change once and in order")
  func fallenBehind() async throws {
    let store = MemoryStore()
    try await Bench.run(store) { bench in
      // A watch whose client does not read: flow control holds the writer back, and the feed overflows.
      try await bench.start(Bench.job(vms: 100, parallelism: 1))
      try await bench.sessions.watchSession(.init(name: name)) { responses in
        var iterator = responses.makeAsyncIterator()
        _ = try await iterator.next()
        try await bench.working([ScriptedLink(on: bench.channel)]) {
          _ = try await bench.watch(name)
        }
        var sequences: [Int64] = []
        while let response = try await iterator.next() {
          if case .event(let event)? = response.kind { sequences.append(event.sequence) }
        }
        let first = try #require(sequences.first)
        #expect(sequences == Array(first..<(first + Int64(sequences.count))))
        #expect(sequences.count > 500)
      }
    }
  }

  @Test("More watches than the bound are refused, and an ended one makes room")
  func bound() async throws {
    var bounds = CoordinatorServer.Bounds()
    bounds.watches = 1
    try await Bench.run(bounds: bounds) { bench in
      try await bench.start()
      try await bench.sessions.watchSession(.init(name: name)) { responses in
        var iterator = responses.makeAsyncIterator()
        _ = try await iterator.next()
        let refused = await refusal { try await bench.watch(name) }
        #expect(refused?.0.code == .resourceExhausted)
      }
    }
  }
}

/// Counts from several tasks.
final class Counter: Sendable {
  private let count = Mutex(0)
  func increment() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}
