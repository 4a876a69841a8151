import GRPC
import GRPCTransport
import Synchronization
import Testing

@Suite("Connections without end", .timeLimit(.minutes(2)), .serialized)
struct ConnectFloodTests {
  private static let bound = 20
  private static let flood = 200

  /// What each connection of a flood says first.
  private static let openings: [(name: String, bytes: [UInt8])] = [
    ("nothing", []),
    ("half a preface", Array(Frames.magic.prefix(10))),
    ("a preface", Frames.preface),
    ("a call that lasts", Frames.preface + Frames.headers(1, "/test.Echo/Join")),
  ]

  /// The same to a server that expects TLS: half the head of a ClientHello (RFC 8446 §4.1.2), and others.
  private static let handshakes: [(name: String, bytes: [UInt8])] = [
    ("nothing", []),
    ("a handshake that begins", [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    ("a preface in plaintext", Frames.preface),
  ]

  private static func configuration(tls: ServerTLS? = nil) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.maximumConnections = bound
    configuration.tls = tls
    return configuration
  }

  /// Connects many times at once; returns when those that the server does not close by itself are as
  /// few as its bound allows, and closes them.
  private static func attack(_ fixture: Fixture, _ opening: [UInt8]) async throws {
    let peers = try await withThrowingTaskGroup(of: RawPeer.self) { group in
      for _ in 0..<flood {
        group.addTask { try await RawPeer.connect(fixture.server.endpoint, sending: opening) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(fixture.server.connectionCount <= bound)
    await withTaskGroup(of: Void.self) { group in
      for peer in peers { group.addTask { await peer.log.waitUntilClosed() } }
      var closed = 0
      for await _ in group {
        closed += 1
        #expect(fixture.server.connectionCount <= bound)
        // The well-behaved client has one.
        guard closed == flood - (bound - 1) else { continue }
        for peer in peers { await peer.close() }
      }
    }
  }

  private static func run(
    _ name: String, _ opening: [UInt8], server: ServerConfiguration, client: ClientConfiguration
  ) async throws {
    try await Fixture.run(.tcp, server: server, client: client) { fixture in
      _ = try await Bystander.call(fixture.client, times: 1)
      try await Bystander.watch(name, fixture) { try await attack(fixture, opening) }
      while fixture.server.connectionCount > 1 { await Task.yield() }
      let late = GRPCClient(fixture.server.endpoint, configuration: client)
      _ = try await Bystander.call(late, times: 1)
      await late.close()
    }
  }

  @Test(
    "Those beyond the bound are closed, whatever they say, and places are given back",
    arguments: openings)
  func plaintext(_ opening: (name: String, bytes: [UInt8])) async throws {
    try await Self.run(
      opening.name, opening.bytes, server: Self.configuration(), client: ClientConfiguration())
  }

  @Test("Handshakes that are not over count as connections", arguments: handshakes)
  func tls(_ opening: (name: String, bytes: [UInt8])) async throws {
    let authority = try await TestAuthority.make()
    let tls = ServerTLS(try await authority.issue("server"))
    var client = ClientConfiguration()
    client.tls = ClientTLS(trust: authority.roots)
    try await Self.run(
      "TLS: \(opening.name)", opening.bytes, server: Self.configuration(tls: tls), client: client)
  }
}
