import Foundation
import GRPC
import GRPCTransport
import Testing

@Suite("TLS", .serialized, .timeLimit(.minutes(2)))
struct TLSTests {
  private let authority: TestAuthority
  private let identity: TLSIdentity

  init() async throws {
    authority = try await TestAuthority.make()
    identity = try await authority.issue("server")
  }

  private func server(_ clients: ServerTLS.ClientVerification = .none) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.tls = ServerTLS(identity, clients: clients)
    return configuration
  }

  private func client(
    _ identity: TLSIdentity? = nil, serverName: String? = nil
  ) -> ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.tls = ClientTLS(
      trust: authority.roots, identity: identity, serverName: serverName)
    return configuration
  }

  /// What a call ends with against a server of these files.
  private func refusal(
    _ server: ServerConfiguration, _ client: ClientConfiguration,
    at host: String = "127.0.0.1"
  ) async throws -> String {
    let running = try await GRPCServer.start(
      router(EchoService()), on: .tcp(host: "127.0.0.1", port: 0), configuration: server)
    guard case .tcp(_, let port) = running.endpoint else { return "" }
    let message = await refusal(port: port, client, at: host)
    await running.shutdown(within: .zero)
    return message
  }

  private func refusal(
    port: Int, _ configuration: ClientConfiguration, at host: String = "127.0.0.1"
  ) async -> String {
    let client = GRPCClient(.tcp(host: host, port: port), configuration: configuration)
    let error = await failure {
      let _: Bytes = try await client.unary(EchoService.say, Bytes("hello"))
    }
    #expect(error?.code == .unavailable)
    await client.close()
    return error?.message ?? "none"
  }

  @Test("Calls of all shapes and sizes go over TLS", arguments: SocketKind.allCases)
  func calls(kind: SocketKind) async throws {
    try await Fixture.run(kind, server: server(), client: client()) { fixture in
      for count in [0, 1, 16_384, 1_000_000] {
        let answer: Bytes = try await fixture.client.unary(EchoService.say, Bytes(count: count))
        #expect(answer == Bytes(count: count))
      }
      let received = try await fixture.client.serverStreaming(EchoService.pour, Bytes("")) {
        (responses: ResponseStream<Bytes>) in
        var count = 0
        for try await response in responses { count += response.bytes.count }
        return count
      }
      #expect(received == 100 * 64 << 10)
    }
  }

  @Test("A request over TLS may say either scheme", arguments: ["https", "http"])
  func scheme(scheme: String) async throws {
    try await Fixture.run(.tcp, server: server(), client: client()) { fixture in
      let answer = try await RawConnection.ask(
        fixture.server.endpoint, HostileClientTests.headers(scheme: scheme),
        body: HostileClientTests.framed("x"), trusting: authority)
      #expect(answer.status == "0", "\(answer.fields)")
      #expect(answer.body == HostileClientTests.framed("x"))
    }
  }

  @Test("A name is verified by the host, by its address, or by the name that is set")
  func names() async throws {
    _ = try await authority.issue("server", names: "DNS:db.example")
    #expect(try await refusal(server(), client()).contains("but for db.example"))
    #expect(try await refusal(server(), client(), at: "localhost").contains("but for db.example"))
    try await Fixture.run(.tcp, server: server(), client: client(serverName: "db.example")) {
      let _: Bytes = try await $0.client.unary(EchoService.say, Bytes(""))
    }
  }

  @Test("A client that has to show a certificate is known by it to handlers")
  func mutual() async throws {
    let spiffe = "spiffe://belay.test/worker/7"
    let own = try await authority.issue(
      "worker", names: "URI:\(spiffe),DNS:worker.test,IP:10.0.0.7")
    let seen = Seen()
    var router = Router()
    router.unary(EchoService.say) { (request: Bytes, context) -> Bytes in
      seen.identity = context.peerIdentity
      return request
    }
    let running = try await GRPCServer.start(
      router, on: SocketKind.unix.free(), configuration: server(.required(authority.roots)))
    let client = GRPCClient(running.endpoint, configuration: client(own))
    let _: Bytes = try await client.unary(EchoService.say, Bytes(""))
    await client.close()
    await running.shutdown(within: .zero)
    #expect(seen.identity?.commonName == "worker")
    #expect(seen.identity?.uris == [spiffe])
    #expect(seen.identity?.dnsNames == ["worker.test"])
    #expect(seen.identity?.ipAddresses == ["10.0.0.7"])
    #expect(seen.identity?.certificate.isEmpty == false)
  }

  @Test("A client without a certificate is refused where one is required, with what to do")
  func certificateRequired() async throws {
    let message = try await refusal(server(.required(authority.roots)), client())
    #expect(message.contains("none was given; give the client one"))
  }

  @Test("Where a client's certificate is optional none is needed, but a strange one is refused")
  func certificateOptional() async throws {
    let configuration = server(.optional(authority.roots))
    try await Fixture.run(server: configuration, client: client()) {
      let _: Bytes = try await $0.client.unary(EchoService.say, Bytes(""))
    }
    let another = try await TestAuthority.make()
    let stranger = try await another.issue("stranger")
    let message = try await refusal(configuration, client(stranger))
    #expect(message.contains("does not trust the authority of our certificate"))
    withExtendedLifetime(another) {}
  }

  @Test("A server of an unknown authority is refused by both names")
  func unknownAuthority() async throws {
    var configuration = client()
    let another = try await TestAuthority.make()
    configuration.tls?.trust = another.roots
    let message = try await refusal(server(), configuration)
    #expect(message.contains("(CN=server) was issued by CN=Test authority"))
    withExtendedLifetime(another) {}
  }

  @Test("An expired certificate is refused by the client, with its date")
  func expiredServer() async throws {
    _ = try await authority.issue("server", days: -1)
    try await withOpenSSLServer(authority, ["-alpn", "h2"]) { port in
      let message = await refusal(port: port, client())
      #expect(message.contains("(CN=server) expired on 20"))
    }
  }

  @Test("A server that does not agree on h2 is refused", arguments: [[], ["-alpn", "http/1.1"]])
  func serverWithoutALPN(options: [String]) async throws {
    try await withOpenSSLServer(authority, options) { port in
      let message = await refusal(port: port, client())
      #expect(message.contains("ALPN"))
    }
  }

  @Test("A plaintext server is told from a secure one")
  func plaintextServer() async throws {
    let message = try await refusal(ServerConfiguration(), client())
    #expect(message.contains("plaintext"))
  }

  @Test("A client that does not offer h2 is closed", arguments: [[], ["-alpn", "http/1.1"]])
  func clientWithoutALPN(options: [String]) async throws {
    try await Fixture.run(.tcp, server: server(), client: client()) { fixture in
      guard case .tcp(_, let port) = fixture.server.endpoint else { return }
      let text = await OpenSSL.connect(port: port, options)
      #expect(text.contains("CONNECTED"))
      let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes(""))
      #expect(fixture.server.connectionCount == 1)
    }
  }

  @Test(
    "Old versions and HTTP/2's forbidden ciphers are not spoken",
    arguments: [
      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
      ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
    ])
  func oldTLS(options: [String]) async throws {
    try await Fixture.run(.tcp, server: server(), client: client()) { fixture in
      guard case .tcp(_, let port) = fixture.server.endpoint else { return }
      let text = await OpenSSL.connect(port: port, ["-alpn", "h2"] + options)
      #expect(text.contains("Cipher is (NONE)"))
    }
  }

  @Test("A handshake that is never finished ends in time")
  func silence() async throws {
    var configuration = server()
    configuration.handshakeTimeout = .milliseconds(200)
    let running = try await GRPCServer.start(
      router(EchoService()), on: SocketKind.unix.free(), configuration: configuration)
    try await RawConnection.open(running.endpoint) { inbound, _ in
      while try await inbound.next() != nil {}
    }
    await running.shutdown(within: .seconds(5))
    #expect(running.connectionCount == 0)
  }

  @Test("A handshake counts as a connection: one over the limit is closed at once")
  func handshakeCounts() async throws {
    var configuration = server()
    configuration.maximumConnections = 1
    let running = try await GRPCServer.start(
      router(EchoService()), on: SocketKind.unix.free(), configuration: configuration)
    try await RawConnection.open(running.endpoint) { [running] _, _ in
      while running.connectionCount == 0 { await Task.yield() }
      try await RawConnection.open(running.endpoint) { second, _ in
        let next = try await second.next()
        #expect(next == nil)
      }
      #expect(running.connectionCount == 1)
    }
    await running.shutdown(within: .seconds(5))
  }

  @Test("A shutdown does not wait for handshakes")
  func shutdownInHandshake() async throws {
    let running = try await GRPCServer.start(
      router(EchoService()), on: SocketKind.unix.free(), configuration: server())
    try await RawConnection.open(running.endpoint) { [running] _, _ in
      while running.connectionCount == 0 { await Task.yield() }
      let began = ContinuousClock.now
      await running.shutdown(within: .seconds(60))
      #expect(ContinuousClock.now - began < .seconds(30))
    }
  }

  @Test("With TLS a server may listen where others can reach it")
  func network() async throws {
    let running = try await GRPCServer.start(
      router(EchoService()), on: .tcp(host: "0.0.0.0", port: 0), configuration: server())
    await running.shutdown(within: .zero)
  }
}

/// What a handler saw.
private final class Seen: @unchecked Sendable {
  // SAFETY: written by the one call that is made, read after it.
  var identity: PeerIdentity?
}
