import GRPC
import GRPCTransport
import HTTP2
import NIOCore
import Synchronization
import Testing

@Suite("Keepalive, age and idleness on sockets", .timeLimit(.minutes(1)))
struct ConnectionLifeSocketTests {
  /// A client's beginning: the preface and empty SETTINGS.
  private static let preface =
    Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
  private static let ping: [UInt8] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]

  /// Sends bytes, and returns the frames that come until the server closes.
  private func frames(
    after bytes: [UInt8], from server: GRPCServer
  ) async throws -> [(type: UInt8, payload: [UInt8])] {
    let input = try await RawConnection.open(server.endpoint) { inbound, outbound in
      try await outbound.write(ByteBuffer(bytes: bytes))
      var input: [UInt8] = []
      while let more = try await inbound.next() { input += more.readableBytesView }
      return input
    }
    var frames: [(UInt8, [UInt8])] = []
    var rest = input[...]
    while rest.count >= 9 {
      let head = rest.prefix(9).map { $0 }
      let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      frames.append((head[3], Array(rest.dropFirst(9).prefix(length))))
      rest = rest.dropFirst(9 + length)
    }
    return frames
  }

  private func withServer(
    _ configuration: ServerConfiguration, _ body: (GRPCServer) async throws -> Void
  ) async throws {
    let server = try await GRPCServer.start(
      router(EchoService()), on: SocketKind.unix.free(), configuration: configuration)
    try await body(server)
    await server.shutdown(within: .seconds(1))
  }

  @Test("A client that gives no sign is pinged, and closed")
  func deadClient() async throws {
    var configuration = ServerConfiguration()
    configuration.keepalive.time = .milliseconds(50)
    configuration.keepalive.timeout = .milliseconds(50)
    try await withServer(configuration) { server in
      let frames = try await frames(after: Self.preface, from: server)
      #expect(frames.contains { $0.type == 6 })
      #expect(frames.last?.type == 7)
    }
  }

  @Test("A client that answers pings is pinged again, and kept")
  func livingClient() async throws {
    var configuration = ServerConfiguration()
    configuration.keepalive.time = .milliseconds(20)
    // The next one does not wait until the answer would have been due.
    configuration.keepalive.timeout = .seconds(600)
    try await withServer(configuration) { server in
      let pings = try await RawConnection.open(server.endpoint) { inbound, outbound in
        var session = try HTTP2Session(role: .client)
        var pings = 0
        while pings < 3 {
          var output = ByteBuffer()
          _ = try session.transmit { frame in
            _ = frame.withUnsafeBytes { output.writeBytes($0) }
          }
          try await outbound.write(output)
          guard let input = try await inbound.next() else { break }
          try session.receive(input.readableBytesSpan)
          while let event = session.nextEvent() { if case .ping = event { pings += 1 } }
        }
        return pings
      }
      #expect(pings == 3)
    }
  }

  @Test("Channelz tells how many pings were sent")
  func countedPings() async throws {
    var configuration = ServerConfiguration()
    configuration.keepalive.time = .milliseconds(20)
    try await withServer(configuration) { server in
      // After a ping there is no other before something is heard.
      try await RawPeer.with(server.endpoint) { peer in
        await peer.log.wait { $0.frames[Frames.Kind.ping.rawValue] == 1 }
        let sent = try await keepalivesSent(by: server)
        #expect(sent == 1)
      }
    }
  }

  /// On the only connection of a server.
  private func keepalivesSent(by server: GRPCServer) async throws -> Int {
    let registry = ChannelzRegistry.shared
    let servers = await registry.servers(from: 0, atMost: .max).elements
    let own = try #require(servers.first { $0.reference.name == "\(server.endpoint)" })
    let sockets = registry.sockets(ofServer: own.reference.id, from: 0, atMost: 2)
    let socket = await registry.socket(try #require(sockets?.elements.first).id)
    return try #require(socket).keepalivesSent
  }

  @Test("A client that pings too often is told so")
  func tooManyPings() async throws {
    try await withServer(ServerConfiguration()) { server in
      let pings = (0..<4).flatMap { _ in Self.ping }
      let frames = try await frames(after: Self.preface + pings, from: server)
      let last = try #require(frames.last { $0.type == 7 })
      #expect(last.payload[4..<8] == [0, 0, 0, 11])
      #expect(String(decoding: last.payload[8...], as: UTF8.self) == "too_many_pings")
    }
  }

  @Test("Connections that grow old are replaced under load, and no call is lost")
  func age() async throws {
    var configuration = ServerConfiguration()
    configuration.maximumConnectionAge = .milliseconds(100)
    let peers = Names()
    var router = Router()
    router.unary(EchoService.say) { (request: Bytes, context) in
      peers.add(context.peer)
      return request
    }
    let server = try await GRPCServer.start(
      router, on: SocketKind.tcp.free(), configuration: configuration)
    let client = GRPCClient(server.endpoint)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          while peers.count < 4 {
            let answer: Bytes = try await client.unary(EchoService.say, Bytes("x"))
            #expect(answer == "x")
          }
        }
      }
      try await group.waitForAll()
    }
    await client.close()
    await server.shutdown(within: .seconds(1))
  }

  @Test("A call that outlasts the grace of an old connection is cut off")
  func grace() async throws {
    var configuration = ServerConfiguration()
    configuration.maximumConnectionAge = .milliseconds(100)
    configuration.connectionAgeGrace = .milliseconds(50)
    try await Fixture.run(server: configuration) { fixture in
      // On a busy machine the connection may be old before the call is there.
      while !fixture.service.began.hasFired {
        let error = await failure {
          let _: Bytes = try await fixture.client.unary(EchoService.hang, Bytes(""))
        }
        #expect(error?.code == .unavailable)
      }
      await fixture.service.cancelled.wait()
    }
  }

  @Test("A connection without calls is closed, one with a call is not")
  func idleness() async throws {
    var configuration = ServerConfiguration()
    configuration.maximumConnectionIdle = .milliseconds(50)
    try await Fixture.run(server: configuration) { fixture in
      async let answer: Bytes = fixture.client.unary(EchoService.wait, Bytes("x"))
      await fixture.service.began.wait()
      _ = try await frames(after: Self.preface, from: fixture.server)
      // The peer may hear of the end before the server has done with it.
      while fixture.server.connectionCount > 1 { await Task.yield() }
      fixture.service.gate.fire()
      #expect(try await answer == "x")
      while fixture.server.connectionCount > 0 { await Task.yield() }
    }
  }
}

private final class Names: Sendable {
  private let all = Mutex<Set<String>>([])
  var count: Int { all.withLock { $0.count } }
  func add(_ name: String) { all.withLock { _ = $0.insert(name) } }
}
