import GRPC
import Logging
import Testing

@Suite("Deadlines")
struct DeadlineTests {
  @Test("a call ends with DEADLINE_EXCEEDED when its time is over, and not before")
  func expires() {
    let seen = Record<Bool>()
    let world = World { router in
      router.unary(Methods.unary) { (request: Text, _) -> Text in
        defer { seen.append(Task.isCancelled) }
        try await forever()
        return request
      }
    }
    let work = world.start { channel in
      try await channel.unary(Methods.unary, Text("a"), options: CallOptions(timeout: .seconds(5)))
        as Text
    }
    world.pass(.milliseconds(4999))
    #expect(!work.isDone)
    #expect(seen.all.isEmpty)
    world.pass(.milliseconds(1))
    #expect(work.error?.code == .deadlineExceeded)
    #expect(seen.all == [true])
  }

  @Test("the server enforces the deadline by itself, also on a handler that ignores it")
  func serverAlone() {
    let bare = BareCall(Methods.chat, timeout: .seconds(2)) { router in
      router.bidirectionalStreaming(Methods.chat) {
        (_: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        while true {
          do { try await forever() } catch { break }
        }
        try? await responses.write("too late")
      }
    }
    bare.settle()
    bare.clock.advance(by: .milliseconds(1999))
    bare.settle()
    #expect(bare.transport.all.isEmpty)
    bare.clock.advance(by: .milliseconds(1))
    bare.settle()
    #expect(bare.transport.ends == [.deadlineExceeded])
    #expect(bare.transport.all.count == 1)
  }

  @Test("the deadline holds also while the request has not come")
  func whileGathering() {
    let bare = BareCall(Methods.unary, timeout: .seconds(2))
    bare.settle()
    bare.clock.advance(by: .seconds(2))
    bare.settle()
    #expect(bare.transport.ends == [.deadlineExceeded])
  }

  @Test("a handler sees the deadline, and the timers of a call end with it")
  func visible() throws {
    let world = World { router in
      router.unary(Methods.unary) { (_: Text, context) in
        Text(context.deadline == nil ? "none" : "some")
      }
    }
    let with = world.start { channel in
      try await channel.unary(Methods.unary, Text("a"), options: CallOptions(timeout: .seconds(9)))
        as Text
    }
    let without = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(try with.value() == "some")
    #expect(try without.value() == "none")
    #expect(world.clock.sleeperCount == 0)
  }

  @Test(
    "no time at all is DEADLINE_EXCEEDED without a call",
    arguments: [Duration.zero, .seconds(-1), .seconds(Int64.min)])
  func none(timeout: Duration) {
    let seen = Record<String>()
    let world = World { router in
      router.unary(Methods.unary) { (request: Text, _) in
        seen.append(request.text)
        return request
      }
    }
    let work = world.start { channel in
      try await channel.unary(Methods.unary, Text("a"), options: CallOptions(timeout: timeout))
        as Text
    }
    world.settle()
    #expect(work.error?.code == .deadlineExceeded)
    #expect(seen.all.isEmpty)
  }

  @Test("a timeout past all time is no deadline", arguments: [Duration.seconds(Int64.max)])
  func endless(timeout: Duration) throws {
    let world = World { router in
      router.unary(Methods.unary) { (_: Text, context) in Text("\(context.deadline == nil)") }
    }
    let work = world.start { channel in
      try await channel.unary(Methods.unary, Text("a"), options: CallOptions(timeout: timeout))
        as Text
    }
    world.settle()
    #expect(try work.value() == "true")
  }

  @Test("a handler's CancellationError is DEADLINE_EXCEEDED once the time is over")
  func cancellationAfterDeadline() {
    for (passed, code) in [(1, StatusCode.cancelled), (2, .deadlineExceeded)] {
      let executor = SteppingExecutor(seed: 1)
      let clock = ManualClock()
      let transport = RecordingTransport()
      let gate = Gate()
      var router = Router()
      router.clientStreaming(Methods.join) { (_: RequestStream<Text>, _) -> Text in
        try await gate.wait()
        throw CancellationError()
      }
      let call = ServerCall(
        head: RequestHead(path: Methods.join.path, timeout: .seconds(2)),
        peer: CallPeer(address: "test"),
        router: router, transport: transport,
        runtime: LateTimers(base: TaskRuntime(executor: executor, clock: clock)),
        logger: Logger(label: "test"))
      call.begin()
      clock.advance(by: .seconds(passed))
      gate.open()
      #expect(executor.runUntilIdle())
      #expect(transport.ends == [code])
    }
  }
}

/// A runtime whose timers are later than any test.
private struct LateTimers: CallRuntime {
  let base: TaskRuntime<ManualClock>

  final class Never: ActionScheduler {
    func cancel(_ ticket: UInt64) {}
  }

  var now: ContinuousClock.Instant { base.now }
  func start(_ handler: @escaping @Sendable () async -> Void) -> Task<Void, Swift.Never> {
    base.start(handler)
  }
  func schedule(
    after delay: Duration, _ action: @escaping @Sendable () -> Void
  ) -> ScheduledAction {
    ScheduledAction(Never())
  }
}
