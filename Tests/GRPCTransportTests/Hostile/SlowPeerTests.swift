import GRPC
import GRPCTransport
import HTTP2
import Testing

@Suite("A peer that is slow, or gone", .timeLimit(.minutes(2)), .serialized)
struct SlowPeerTests {
  @Test(
    "A conversation of single bytes, written and read, is as any other",
    arguments: SocketKind.allCases, ["Say", "Join", "Split", "Chat"])
  func singleBytes(kind: SocketKind, method: String) async throws {
    try await Fixture.run(kind) { fixture in
      let headers = HostileClientTests.headers(path: "/test.Echo/" + method, ["x-more": "metadata"])
      var body = Frames.message(Array("first".utf8))
      if method == "Join" || method == "Chat" {
        body += Frames.message([UInt8](repeating: 7, count: 300))
      }
      let whole = try await RawConnection.ask(fixture.server.endpoint, headers, body: body)
      let bytewise = try await RawConnection.ask(
        fixture.server.endpoint, headers, body: body, piece: 1)
      #expect(whole.status == "0")
      #expect(bytewise.blocks == whole.blocks)
      #expect(bytewise.body == whole.body && !whole.body.isEmpty)
      #expect(bytewise.code == whole.code)
    }
  }

  private static func configuration() -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.keepalive.time = .milliseconds(50)
    configuration.keepalive.timeout = .milliseconds(50)
    return configuration
  }

  /// Does not answer to the server's pings: it reads nothing at all.
  private static func withDeafPeer(
    _ fixture: Fixture, _ opening: [UInt8], _ body: () async throws -> Void
  ) async throws {
    // Answers pings, as all that read do.
    _ = try await Bystander.call(fixture.client, times: 1)
    try await RawPeer.with(
      fixture.server.endpoint, reads: false, sending: Frames.preface + opening
    ) { _ in
      try await body()
      while fixture.server.connectionCount > 1 {
        _ = try await Bystander.call(fixture.client, times: 1)
      }
    }
  }

  @Test("A client that is gone without a word is found out, and its handler cancelled")
  func halfOpen() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await Self.withDeafPeer(fixture, Frames.call(1, "/test.Echo/Hang")) {
        await fixture.service.cancelled.wait()
      }
    }
  }

  @Test(
    "A client that is gone while much is on the way to it is found out as well",
    arguments: SocketKind.allCases)
  func halfOpenAmidStream(kind: SocketKind) async throws {
    try await Fixture.run(kind, server: Self.configuration()) { fixture in
      let opening = Frames.windowUpdate(0, 1 << 30) + Frames.settings([4: 1 << 30])
      try await Self.withDeafPeer(fixture, opening + Frames.call(1, "/test.Echo/Pour")) {}
    }
  }

  @Test(
    "A large stream that nobody reads waits, however large the windows, and ends with its client")
  func readsNothing() async throws {
    // A unix socket's buffers are small.
    try await Fixture.run(.unix) { fixture in
      let opening = Frames.windowUpdate(0, 1 << 30) + Frames.settings([4: 1 << 30])
      try await RawPeer.with(
        fixture.server.endpoint, reads: false,
        sending: Frames.preface + opening + Frames.call(1, "/test.Echo/Pour")
      ) { _ in
        var last = -1
        var same = 0
        while same < 10 {
          _ = try await Bystander.call(fixture.client, times: 20)
          let now = fixture.service.poured.value
          same = now == last && now > 0 ? same + 1 : 0
          last = now
        }
        // The socket's buffers, the channel's, the session's and the call's; not 100.
        #expect(last <= 16, "\(last) messages of 64 KiB")
      }
      while fixture.server.connectionCount > 1 {
        _ = try await Bystander.call(fixture.client, times: 1)
      }
      #expect(fixture.service.poured.value <= 17)
    }
  }
}
