import GRPC
import GRPCTransport
import HTTP2
import Testing

@Suite("A client that does not get on", .timeLimit(.minutes(2)), .serialized)
struct SlowLorisTests {
  private static func configuration(
    _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.requestPace.stallTimeout = .milliseconds(50)
    // No dribble is as fast as this, whatever the machine.
    configuration.requestPace.leastBytesPerSecond = 1 << 30
    change(&configuration)
    return configuration
  }

  /// Sends bytes one by one until the server closes the connection, but never the last.
  private static func dribble(_ bytes: [UInt8], to peer: RawPeer) async {
    for byte in bytes.dropLast() {
      guard await peer.send([byte]), !peer.log.contents.isClosed else { break }
    }
    await peer.log.waitUntilClosed()
  }

  /// What has begun, in a connection that must then end.
  private static let unfinished: [(name: String, begun: [UInt8])] = [
    ("frame header", [0, 0]),
    ("ping", Array(Frames.frame(.ping, [UInt8](repeating: 0, count: 8)).dropLast())),
    ("header block", Frames.frame(.headers, stream: 1, Frames.block("/test.Echo/Say"))),
    (
      "header block with a continuation",
      Frames.frame(.headers, stream: 1, Frames.block("/test.Echo/Say"))
        + Frames.frame(.continuation, stream: 1, Frames.literal("a", "b"))
    ),
    (
      "frame of data",
      Frames.headers(1, "/test.Echo/Join") + Frames.data(1, Frames.message([1, 2])).dropLast()
    ),
    (
      "frame of a stream that is over",
      Frames.call(1) + Frames.reset(1) + Frames.data(1, [1, 2]).dropLast()
    ),
  ]

  @Test("A frame or header block that is not ended ends the connection", arguments: unfinished)
  func unfinishedFrame(_ test: (name: String, begun: [UInt8])) async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await Bystander.watch(test.name, fixture) {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          #expect(await peer.send(test.begun))
          let heard = await peer.log.waitUntilClosed()
          #expect(heard.goAway == HTTP2ErrorCode.enhanceYourCalm.rawValue, "\(heard)")
        }
      }
    }
  }

  @Test("Bytes of a frame that come one by one do not keep it")
  func dribbledFrame() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await Bystander.watch("a dribbled frame", fixture) {
        try await RawPeer.with(
          fixture.server.endpoint,
          sending: Frames.preface + Frames.headers(1, "/test.Echo/Join")
        ) { peer in
          await Self.dribble(Frames.data(1, [UInt8](repeating: 0, count: 16_000)), to: peer)
          let heard = peer.log.contents
          #expect(heard.goAway == HTTP2ErrorCode.enhanceYourCalm.rawValue, "\(heard)")
        }
      }
    }
  }

  /// Bodies that are not a whole request, each with its method; their streams are not ended.
  private static let unfinishedRequests: [(name: String, path: String, body: [UInt8])] = [
    ("no message", "/test.Echo/Say", []),
    ("no message of a server stream", "/test.Echo/Split", []),
    ("half a prefix", "/test.Echo/Say", [0, 0]),
    ("half a message", "/test.Echo/Say", Frames.message([1], length: 2)),
    ("no end", "/test.Echo/Say", Frames.message([1])),
    ("half a message of a client stream", "/test.Echo/Join", Frames.message([1], length: 2)),
    (
      "half a second message", "/test.Echo/Chat",
      Frames.message([1]) + Frames.message([1], length: 2)
    ),
  ]

  @Test(
    "A request that is not ended is DEADLINE_EXCEEDED, and its connection goes on",
    arguments: unfinishedRequests)
  func unfinishedRequest(
    _ test: (name: String, path: String, body: [UInt8])
  ) async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await Bystander.watch(test.name, fixture) {
        let answer = try await RawConnection.ask(
          fixture.server.endpoint, HostileClientTests.headers(path: test.path), body: test.body,
          ends: false)
        #expect(answer.status == "\(StatusCode.deadlineExceeded.rawValue)", "\(answer)")
        #expect(answer.code == .noError)
      }
    }
  }

  @Test("A message whose bytes come in frames of one is ended all the same, and many are too")
  func dribbledMessages() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await Bystander.watch("dribbled messages", fixture) {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          let ids = (0..<UInt32(100)).map(Frames.id)
          for id in ids {
            let path = id % 4 == 1 ? "/test.Echo/Say" : "/test.Echo/Join"
            _ = await peer.send(
              Frames.headers(id, path) + Frames.data(id, Frames.message([], length: 1 << 20)))
          }
          while peer.log.contents.ended.count < ids.count, !peer.log.contents.isClosed {
            let ended = peer.log.contents.ended
            for id in ids where !ended.contains(id) {
              guard await peer.send(Frames.data(id, [0])) else { break }
            }
          }
          #expect(peer.log.contents.ended == Set(ids))
        }
      }
    }
  }

  /// Returns once several stall time-outs are over: the calls of this peer have run into them.
  private static func waitForSeveralTimeouts(_ fixture: Fixture) async throws {
    for _ in 0..<4 {
      let answer = try await RawConnection.ask(
        fixture.server.endpoint, HostileClientTests.headers(), ends: false)
      #expect(answer.status == "\(StatusCode.deadlineExceeded.rawValue)")
    }
  }

  @Test("A stream may be silent before, between and after its messages")
  func silence() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      let answer: Bytes = try await fixture.client.clientStreaming(EchoService.join) {
        (requests: RequestWriter<Bytes>) in
        try await Self.waitForSeveralTimeouts(fixture)
        try await requests.write(Bytes("a"))
        try await Self.waitForSeveralTimeouts(fixture)
        try await requests.write(Bytes("b"))
        try await Self.waitForSeveralTimeouts(fixture)
      }
      #expect(answer == "ab")
    }
  }

  @Test("A handler may take its time, also before it answers and between its answers")
  func slowHandler() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      async let answer: Bytes = fixture.client.unary(EchoService.wait, Bytes("x"))
      await fixture.service.began.wait()
      try await Self.waitForSeveralTimeouts(fixture)
      fixture.service.gate.fire()
      #expect(try await answer == "x")
    }
  }

  @Test("A message that has begun may wait while its handler has others to read")
  func unreadMessages() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await RawPeer.with(fixture.server.endpoint) { peer in
        let body = Frames.message([1]) + Frames.message([2, 3]).dropLast()
        #expect(await peer.send(Frames.headers(1, "/test.Echo/Ignore") + Frames.data(1, body)))
        try await Self.waitForSeveralTimeouts(fixture)
        #expect(peer.log.contents.ended.isEmpty && !peer.log.contents.isClosed)
        // Its handler reads the one, and waits for the other.
        fixture.service.gate.fire()
        await peer.log.wait { $0.ended == [1] }
        #expect(peer.log.contents.ended == [1])
      }
    }
  }

  @Test("A message that has begun may wait while the connection's window is used up")
  func closedWindow() async throws {
    let configuration = Self.configuration { $0.connections.connectionWindow = 65_535 }
    try await Fixture.run(.tcp, server: configuration) { fixture in
      try await RawPeer.with(fixture.server.endpoint) { peer in
        let half = Frames.data(1, Frames.message([1], length: 2))
        #expect(await peer.send(Frames.headers(1, "/test.Echo/Join") + half))
        #expect(await peer.send(Frames.headers(3, "/test.Echo/Ignore")))
        for _ in 0..<4 {
          let message = Frames.message([UInt8](repeating: 1, count: 14_995))
          #expect(await peer.send(Frames.data(3, message)))
        }
        try await Self.waitForSeveralTimeouts(fixture)
        #expect(peer.log.contents.ended.isEmpty && !peer.log.contents.isClosed)
      }
    }
  }

  @Test("Without a time-out a client may take all the time there is")
  func patience() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { hasty in
      let configuration = Self.configuration { $0.requestPace.stallTimeout = nil }
      try await Fixture.run(.tcp, server: configuration) { patient in
        try await RawPeer.with(patient.server.endpoint) { peer in
          #expect(await peer.send(Frames.headers(1)))
          try await Self.waitForSeveralTimeouts(hasty)
          #expect(await peer.send(Frames.data(1, Frames.message([1]), ends: true)))
          await peer.log.wait { $0.ended == [1] }
          #expect(peer.log.contents.ended == [1])
        }
      }
    }
  }
}
