import Testing

@testable import GRPC

@Suite("Whether a call is made again")
struct RetryStateTests {
  private let policy = RetryPolicy(
    maximumAttempts: 4, initialBackoff: .milliseconds(100), maximumBackoff: .seconds(1),
    backoffMultiplier: 2, retryableCodes: [.unavailable, .aborted])

  private func failure(
    _ code: StatusCode, _ progress: AttemptProgress = .processed, _ pushback: RetryPushback? = nil
  ) -> AttemptFailure {
    AttemptFailure(code: code, progress: progress, pushback: pushback)
  }

  @Test("whatever happens, the attempts and the waits are within the policy", arguments: 1...200)
  func bounds(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    let policy = RetryPolicy(
      maximumAttempts: Int.random(in: -1...9, using: &random),
      initialBackoff: .milliseconds(Int.random(in: 0...500, using: &random)),
      maximumBackoff: .milliseconds(Int.random(in: 0...2_000, using: &random)),
      backoffMultiplier: Double.random(in: 0...4, using: &random))
    var state = RetryState(policy)
    var tokens: RetryTokens? = RetryTokens(RetryThrottling(maximumTokens: 10, tokenRatio: 0.1))
    var counted = 0
    var transparent = 0
    loop: for _ in 0..<100 {
      let progress =
        [AttemptProgress.unsent, .refused, .processed]
        .randomElement(using: &random) ?? .processed
      let attempts = state.attempts
      switch state.decide(
        failure(.unavailable, progress), &tokens, random: Double.random(in: -1...1, using: &random))
      {
      case .giveUp: break loop
      case .again:
        transparent += 1
        #expect(progress != .processed && state.attempts == attempts)
      case .after(let delay):
        counted += 1
        #expect(delay >= .zero && delay <= policy.maximumBackoff * 1.2, "seed \(seed)")
        #expect(state.attempts == attempts + 1)
      }
    }
    #expect(counted < min(max(policy.maximumAttempts, 1), 5), "seed \(seed)")
    #expect(transparent <= 9, "seed \(seed)")
  }

  @Test("the backoff doubles up to its longest, give or take a fifth")
  func backoff() {
    #expect(policy.backoff(afterAttempts: 1, random: 0) == .milliseconds(100))
    #expect(policy.backoff(afterAttempts: 2, random: 0) == .milliseconds(200))
    #expect(policy.backoff(afterAttempts: 9, random: 0) == .seconds(1))
    #expect(policy.backoff(afterAttempts: 1, random: 1) == .milliseconds(120))
    #expect(policy.backoff(afterAttempts: 1, random: -1) == .milliseconds(80))
  }

  @Test("a call that was refused is made again at once, the first time also without a policy")
  func refused() {
    var tokens: RetryTokens?
    var state = RetryState(nil)
    #expect(state.decide(failure(.unavailable, .refused), &tokens, random: 0) == .again)
    #expect(state.decide(failure(.unavailable, .refused), &tokens, random: 0) == .giveUp)
    state = RetryState(policy)
    #expect(state.decide(failure(.unavailable, .refused), &tokens, random: 0) == .again)
    #expect(
      state.decide(failure(.unavailable, .refused), &tokens, random: 0)
        == .after(.milliseconds(100)))
    #expect(state.attempts == 1)
  }

  @Test("a call that never leaves is made again eight times, whatever its policy")
  func unsent() {
    for policy in [nil, policy] {
      var tokens: RetryTokens?
      var state = RetryState(policy)
      for _ in 0..<8 {
        #expect(state.decide(failure(.unavailable, .unsent), &tokens, random: 0) == .again)
      }
      #expect(state.attempts == 0)
      let last = state.decide(failure(.unavailable, .unsent), &tokens, random: 0)
      #expect(last == (policy == nil ? .giveUp : .after(.milliseconds(100))))
    }
  }

  @Test("a code that the policy does not name, and an answer that has begun, end the call")
  func final() {
    var tokens: RetryTokens?
    var state = RetryState(policy)
    #expect(state.decide(failure(.internal), &tokens, random: 0) == .giveUp)
    #expect(state.decide(failure(.unavailable, .answered), &tokens, random: 0) == .giveUp)
    var without = RetryState(nil)
    #expect(without.decide(failure(.unavailable), &tokens, random: 0) == .giveUp)
  }

  @Test("a server's pushback takes the place of the backoff, and begins it anew")
  func pushback() {
    var tokens: RetryTokens?
    var state = RetryState(policy)
    _ = state.decide(failure(.unavailable), &tokens, random: 0)
    #expect(
      state.decide(failure(.aborted, .processed, .after(.seconds(7))), &tokens, random: 0)
        == .after(.seconds(7)))
    #expect(
      state.decide(failure(.unavailable), &tokens, random: 0) == .after(.milliseconds(100)))
    state = RetryState(policy)
    #expect(state.decide(failure(.unavailable, .processed, .never), &tokens, random: 0) == .giveUp)
    #expect(RetryPushback("12") == .after(.milliseconds(12)))
    for wrong in ["-1", "", "x", "99999999999", "1.5"] { #expect(RetryPushback(wrong) == .never) }
  }

  @Test(
    "a pushback is sent rounded up and within 32 bits, and not with a success",
    arguments: [
      (RetryPushback.never, "-1"), (.after(.zero), "0"), (.after(.seconds(-3)), "0"),
      (.after(.nanoseconds(1)), "1"), (.after(.milliseconds(1_500)), "1500"),
      (.after(.seconds(100_000_000)), "2147483647"),
    ])
  func sentPushback(pushback: RetryPushback, value: String) {
    var trailers = ResponseTrailers(RPCError(.unavailable))
    trailers.pushback = pushback
    #expect(trailers.fields.last == HeaderField("grpc-retry-pushback-ms", value))
    trailers.code = .ok
    #expect(trailers.fields == ResponseTrailers().fields)
  }

  @Test("nothing is retried while half of the tokens are gone; successes bring them back")
  func throttling() {
    var tokens: RetryTokens? = RetryTokens(RetryThrottling(maximumTokens: 4, tokenRatio: 0.5))
    var decisions: [RetryState.Decision] = []
    for _ in 0..<3 {
      var state = RetryState(policy)
      decisions.append(state.decide(failure(.unavailable), &tokens, random: 0))
    }
    // With four tokens, the second failure leaves half of them.
    #expect(decisions == [.after(.milliseconds(100)), .giveUp, .giveUp])
    for _ in 0..<5 { tokens?.succeeded() }
    var state = RetryState(policy)
    #expect(state.decide(failure(.unavailable), &tokens, random: 0) == .after(.milliseconds(100)))
    for _ in 0..<1_000 { tokens?.succeeded() }
    #expect(tokens?.allowRetry == true)
    // Refused calls are made again all the same.
    for _ in 0..<9 { tokens?.failed() }
    #expect(state.decide(failure(.unavailable, .refused), &tokens, random: 0) == .again)
  }

  @Test("a method's policy goes before its service's, and that before the others'")
  func lookup() {
    var configuration = RetryConfiguration()
    #expect(configuration.policy(for: Methods.unary) == nil)
    configuration.others = RetryPolicy(maximumAttempts: 2)
    configuration.services["test.v1.Echo"] = RetryPolicy(maximumAttempts: 3)
    configuration.methods["/test.v1.Echo/Once"] = RetryPolicy(maximumAttempts: 4)
    #expect(configuration.policy(for: Methods.unary)?.maximumAttempts == 4)
    #expect(configuration.policy(for: Methods.join)?.maximumAttempts == 3)
    let other = MethodDescriptor(service: "other", method: "M", kind: .unary)
    #expect(configuration.policy(for: other)?.maximumAttempts == 2)
  }
}

@Suite("A client's call with several attempts")
struct RetriedCallTests {
  private static func client(
    _ policy: RetryPolicy? = RetryPolicy(initialBackoff: .seconds(1)),
    _ change: (inout RetryConfiguration) -> Void = { _ in }
  ) -> BareClient {
    var configuration = RetryConfiguration()
    configuration.others = policy
    change(&configuration)
    return BareClient(retries: configuration)
  }

  /// Ends the attempt that was started last.
  private func end(_ bare: BareClient, _ error: RPCError) throws {
    try #require(bare.channel.calls.all.last).receive(ResponseTrailers(error))
    bare.settle()
  }

  @Test("the second attempt says that it is one, and brings all requests again")
  func replay() throws {
    let bare = Self.client()
    let work = bare.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        for _ in 0..<3 { try await writer.write(Text("q")) }
      } as Text
    }
    bare.settle()
    let call = try #require(bare.channel.calls.all.last)
    #expect(call.head.previousAttempts == 0)
    call.attach(bare.transport)
    #expect(bare.transport.letters == "mmme")
    try end(bare, RPCError(.unavailable))
    #expect(bare.channel.calls.all.count == 1)
    bare.clock.advance(by: .milliseconds(1_200))
    bare.settle()
    #expect(bare.channel.calls.all.count == 2)
    #expect(call.head.previousAttempts == 1)
    let second = RecordingClientTransport()
    call.attach(second)
    #expect(second.letters == "mmme")
    call.receive(ResponseHead())
    call.receive([0, 0, 0, 0, 1, UInt8(ascii: "a")])
    call.receive(ResponseTrailers())
    bare.settle()
    #expect(try work.value() == "a")
    #expect(bare.channel.retries.bufferedBytes == 0)
    #expect(bare.transport.letters == "mmme")
  }

  @Test(
    "an attempt that no server has seen is made again at once, without a policy, and not counted")
  func transparent() throws {
    let bare = Self.client(nil)
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let call = try #require(bare.channel.calls.all.last)
    call.fail(RPCError(.unavailable), .unsent)
    call.attach(bare.transport)
    call.fail(RPCError(.unavailable), .refused)
    #expect(bare.channel.calls.all.count == 3)
    #expect(call.head.previousAttempts == 0)
    call.fail(RPCError(.unavailable, "again"), .refused)
    bare.settle()
    #expect(work.error == RPCError(.unavailable, "again"))
  }

  @Test("response headers commit the call: its failure is final, and nothing is kept")
  func committed() throws {
    let bare = Self.client()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let call = try #require(bare.channel.calls.all.last)
    call.attach(bare.transport)
    #expect(bare.channel.retries.bufferedBytes > 0)
    call.receive(ResponseHead())
    #expect(bare.channel.retries.bufferedBytes == 0)
    call.fail(RPCError(.unavailable), .refused)
    bare.settle()
    #expect(work.error?.code == .unavailable)
    #expect(bare.channel.calls.all.count == 1)
  }

  @Test("requests over the call's buffer, or the channel's, are not kept: the call is final")
  func buffers() throws {
    for change in [
      { $0.callBuffer = 10 } as @Sendable (inout RetryConfiguration) -> Void,
      { $0.channelBuffer = 10 },
    ] {
      let bare = Self.client(RetryPolicy(), change)
      let work = bare.start { channel in
        try await channel.clientStreaming(Methods.join) { writer in
          for _ in 0..<3 { try await writer.write(Text("qqq")) }
        } as Text
      }
      bare.settle()
      let call = try #require(bare.channel.calls.all.last)
      #expect(bare.channel.retries.bufferedBytes == 0)
      call.attach(bare.transport)
      #expect(bare.transport.letters == "mmme")
      try end(bare, RPCError(.unavailable))
      #expect(work.error?.code == .unavailable)
    }
  }

  @Test("the deadline is that of all attempts, and ends the wait for the next")
  func deadline() throws {
    let bare = Self.client(RetryPolicy(initialBackoff: .seconds(10)))
    let work = bare.start { channel in
      try await channel.unary(Methods.unary, Text("q"), options: CallOptions(timeout: .seconds(3)))
        as Text
    }
    bare.settle()
    try end(bare, RPCError(.unavailable))
    #expect(!work.isDone)
    bare.clock.advance(by: .seconds(3))
    bare.settle()
    #expect(work.error?.code == .deadlineExceeded)
    bare.clock.advance(by: .seconds(60))
    bare.settle()
    #expect(bare.channel.calls.all.count == 1)
    #expect(bare.clock.sleeperCount == 0)
  }

  @Test("a call that is cancelled while it waits for its next attempt leaves nothing behind")
  func cancelled() throws {
    let bare = Self.client()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    try end(bare, RPCError(.unavailable))
    #expect(bare.clock.sleeperCount == 1)
    work.task.cancel()
    bare.settle()
    #expect(work.error?.code == .cancelled)
    #expect(bare.clock.sleeperCount == 0)
    #expect(bare.channel.retries.bufferedBytes == 0)
  }

  @Test("the server's pushback is read from the trailers")
  func pushback() throws {
    let bare = Self.client()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let fields = { (value: String) in
      [
        HeaderField(":status", "200"), HeaderField("content-type", "application/grpc"),
        HeaderField("grpc-status", "14"), HeaderField("grpc-retry-pushback-ms", value),
      ]
    }
    let call = try #require(bare.channel.calls.all.last)
    call.receive(ResponseTrailers(fields: fields("5000"), isTrailersOnly: true))
    bare.settle()
    bare.clock.advance(by: .milliseconds(4_999))
    bare.settle()
    #expect(bare.channel.calls.all.count == 1)
    bare.clock.advance(by: .milliseconds(1))
    bare.settle()
    #expect(bare.channel.calls.all.count == 2)
    call.receive(ResponseTrailers(fields: fields("-1"), isTrailersOnly: true))
    bare.settle()
    #expect(work.error?.code == .unavailable)
  }

  @Test("the last attempt's status is the call's")
  func exhausted() throws {
    let bare = Self.client(RetryPolicy(maximumAttempts: 3, initialBackoff: .seconds(1)))
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    for number in 1...3 {
      try end(bare, RPCError(.unavailable, "\(number)"))
      bare.clock.advance(by: .seconds(20))
      bare.settle()
    }
    #expect(work.error == RPCError(.unavailable, "3"))
    #expect(bare.channel.calls.all.count == 3)
  }

  @Test("a caller who asks for it has the metadata of the answer")
  func metadata() throws {
    let bare = Self.client()
    let received = ReceivedMetadata()
    let work = bare.start { channel in
      var options = CallOptions()
      options.received = received
      return try await channel.unary(Methods.unary, Text("q"), options: options) as Text
    }
    bare.settle()
    let call = try #require(bare.channel.calls.all.last)
    call.attach(bare.transport)
    var initial = Metadata()
    try initial.add("a", "1")
    var trailing = Metadata()
    try trailing.add("b", "2")
    call.receive(ResponseHead(metadata: initial))
    call.receive([0, 0, 0, 0, 1, UInt8(ascii: "a")])
    call.receive(ResponseTrailers(metadata: trailing))
    bare.settle()
    #expect(try work.value() == "a")
    #expect(received.initial["a"] == "1")
    #expect(received.trailing["b"] == "2")
  }
}

@Suite("A deadline within a handler")
struct DeadlinePropagationTests {
  /// A handler that makes a call of its own, with the timeout that it is asked for.
  private func world(_ inner: BareClient) -> World {
    World { router in
      router.unary(Methods.unary) { (request: Text, _) -> Text in
        let options = Int(request.text).map { CallOptions(timeout: .seconds($0)) }
        return try await inner.channel.unary(
          Methods.unary, Text("q"), options: options ?? CallOptions())
      }
    }
  }

  @Test("a call made by a handler has its own time or the handler's, whichever is less")
  func minimum() throws {
    for (own, expected) in [("", 5.0), ("9", 5), ("2", 2)] {
      let inner = BareClient()
      let world = world(inner)
      let work = world.start { channel in
        try await channel.unary(
          Methods.unary, Text(own), options: CallOptions(timeout: .seconds(5))) as Text
      }
      world.settle()
      let call = try #require(inner.channel.calls.all.last)
      let left = try #require(call.head.timeout)
      // The two clocks stand still at instants a moment apart.
      #expect(left > .seconds(expected - 0.5) && left < .seconds(expected + 0.5), "\(own)")
      work.task.cancel()
      world.settle()
      #expect(call.isEnded)
    }
  }

  @Test("a call made outside of a handler has no deadline but its own")
  func outside() throws {
    let bare = BareClient()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    #expect(try #require(bare.channel.calls.all.last).head.timeout == nil)
    work.task.cancel()
    bare.settle()
  }

  @Test("when the outer call is cancelled, so is the call that its handler has made")
  func cancellation() throws {
    let inner = BareClient()
    let world = world(inner)
    let work = world.start { try await $0.unary(Methods.unary, Text("")) as Text }
    world.settle()
    let call = try #require(inner.channel.calls.all.last)
    #expect(!call.isEnded)
    work.task.cancel()
    world.settle()
    #expect(call.isEnded)
    #expect(work.error?.code == .cancelled)
  }
}
