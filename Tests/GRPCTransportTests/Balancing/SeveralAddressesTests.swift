import GRPC
import GRPCTransport
import Synchronization
import Testing

/// Answers with what it is told to, and counts.
private final class FixedResolver: NameResolver {
  private let state: Mutex<(addresses: [SocketEndpoint], asked: Int)>

  init(_ addresses: [SocketEndpoint]) { state = Mutex((addresses, 0)) }

  func set(_ addresses: [SocketEndpoint]) { state.withLock { $0.addresses = addresses } }
  var asked: Int { state.withLock(\.asked) }

  func addresses(ofHost host: String, port: Int) async throws -> [SocketEndpoint] {
    state.withLock { state in
      state.asked += 1
      return state.addresses
    }
  }
}

/// Answers for each host; throws for those that it does not know.
private final class FixedHosts: NameResolver {
  private let hosts: Mutex<[String: [SocketEndpoint]]>

  init(_ hosts: [String: [SocketEndpoint]]) { self.hosts = Mutex(hosts) }

  func forget(_ host: String) { hosts.withLock { $0[host] = nil } }

  func addresses(ofHost host: String, port: Int) async throws -> [SocketEndpoint] {
    guard let addresses = hosts.withLock({ $0[host] }) else {
      throw RPCError(.unknown, "no such host")
    }
    return addresses
  }
}

/// Health that a test turns.
private final class FixedHealth: HealthProbe {
  private struct State {
    var serving: Bool
    var reports: [@Sendable (Bool) -> Void] = []
  }
  private let state: Mutex<State>

  init(serving: Bool) { state = Mutex(State(serving: serving)) }

  func watch(
    _ connection: any RPCChannel, _ report: @escaping @Sendable (Bool) -> Void
  ) async throws {
    let name: Bytes = try await connection.unary(NamedService.name, Bytes(""))
    if name.text == "none" { throw RPCError(.unimplemented, "no health here") }
    state.withLock { state in
      if name.text == "sick" { state.reports.append(report) }
    }
    report(name.text == "sick" ? state.withLock(\.serving) : true)
    try await Task.sleep(for: .seconds(3_600))
  }

  func turn(_ serving: Bool) {
    let reports = state.withLock { state in
      state.serving = serving
      return state.reports
    }
    for report in reports { report(serving) }
  }
}

/// Says which server it is.
private struct NamedService: RPCService {
  static let name = MethodDescriptor(service: "test.Named", method: "Name", kind: .unary)
  let text: String

  func register(in router: inout Router) {
    router.unary(Self.name) { [text] (_: Bytes, _) in Bytes(text) }
  }

  static func start(_ text: String, on endpoint: SocketEndpoint) async throws -> GRPCServer {
    var router = Router()
    router.add(NamedService(text: text))
    return try await GRPCServer.start(router, on: endpoint)
  }
}

@Suite("A client of several addresses", .timeLimit(.minutes(1)))
struct SeveralAddressesTests {
  private func ask(_ client: GRPCClient, waits: Bool = false) async throws -> String {
    var options = CallOptions(timeout: .seconds(20))
    options.waitsForReady = waits
    let answer: Bytes = try await client.unary(NamedService.name, Bytes(""), options: options)
    return answer.text
  }

  private func expect(
    _ name: String, from client: GRPCClient, waits: Bool = false,
    _ location: SourceLocation = #_sourceLocation
  ) async throws {
    let answer = try await ask(client, waits: waits)
    #expect(answer == name, sourceLocation: location)
  }

  private var hasty: ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.backoff.first = .milliseconds(5)
    configuration.backoff.longest = .milliseconds(20)
    configuration.shortestResolutionInterval = .milliseconds(5)
    configuration.attemptDelay = .seconds(30)
    return configuration
  }

  /// Starts a server for each name, runs the body, and shuts them down.
  private func serve(
    _ names: [String], _ body: ([SocketEndpoint], [GRPCServer]) async throws -> Void
  ) async throws {
    var servers: [GRPCServer] = []
    for name in names {
      servers.append(try await NamedService.start(name, on: SocketKind.tcp.free()))
    }
    try await body(servers.map(\.endpoint), servers)
    for server in servers { await server.shutdown(within: .zero) }
  }

  /// Waits for a state.
  private func wait(_ client: GRPCClient, for state: ConnectivityState) async {
    for await now in client.connectivityStates where now == state { return }
  }

  @Test("pick_first passes over an address where nobody listens")
  func pickFirst() async throws {
    try await serve(["a"]) { endpoints, _ in
      let client = GRPCClient([SocketKind.unix.free()] + endpoints + [SocketKind.unix.free()])
      for _ in 0..<5 { try await expect("a", from: client) }
      await client.close()
    }
  }

  @Test("When its server goes, pick_first goes to the next address, and no call is lost")
  func failover() async throws {
    try await serve(["a", "b"]) { endpoints, servers in
      let client = GRPCClient(endpoints, configuration: hasty)
      try await expect("a", from: client)
      await servers[0].shutdown(within: .seconds(1))
      for _ in 0..<5 { try await expect("b", from: client, waits: true) }
      await client.close()
    }
  }

  @Test("round_robin spreads calls over all addresses, and leaves out one that is gone")
  func roundRobin() async throws {
    try await serve(["a", "b", "c"]) { endpoints, servers in
      var configuration = hasty
      configuration.balancing = .roundRobin
      let client = GRPCClient(endpoints, configuration: configuration)
      var seen: Set<String> = []
      while seen.count < 3 { seen.insert(try await ask(client)) }
      var counts: [String: Int] = [:]
      for _ in 0..<30 { counts[try await ask(client), default: 0] += 1 }
      #expect(counts == ["a": 10, "b": 10, "c": 10])
      await servers[1].shutdown(within: .seconds(1))
      for _ in 0..<10 {
        let name = try await ask(client, waits: true)
        #expect(name != "b")
      }
      await client.close()
    }
  }

  @Test("A name stands for several addresses, and is looked up again when they fail")
  func names() async throws {
    try await serve(["a", "b"]) { endpoints, servers in
      let resolver = FixedResolver([endpoints[0]])
      var configuration = hasty
      configuration.resolver = resolver
      let client = GRPCClient(.tcp(host: "named.test", port: 1), configuration: configuration)
      try await expect("a", from: client)
      #expect(resolver.asked == 1)
      resolver.set([endpoints[1]])
      await servers[0].shutdown(within: .zero)
      try await expect("b", from: client, waits: true)
      #expect(resolver.asked > 1)
      await client.close()
    }
  }

  @Test("The connection to an address that a name has no more is let go of")
  func dropped() async throws {
    try await serve(["a", "b", "c"]) { endpoints, servers in
      let resolver = FixedResolver([endpoints[0], endpoints[1]])
      var configuration = hasty
      configuration.resolver = resolver
      configuration.balancing = .roundRobin
      let client = GRPCClient(.tcp(host: "named.test", port: 1), configuration: configuration)
      while servers[0].connectionCount == 0 { _ = try await ask(client, waits: true) }
      resolver.set([endpoints[2]])
      await servers[1].shutdown(within: .zero)
      while servers[0].connectionCount > 0 {
        try Task.checkCancellation()
        await Task.yield()
      }
      try await expect("c", from: client, waits: true)
      await client.close()
    }
  }

  @Test("A name that can't be looked up any more keeps its addresses")
  func forgotten() async throws {
    try await serve(["a", "b"]) { endpoints, servers in
      let resolver = FixedHosts(["one.test": [endpoints[0]], "two.test": [endpoints[1]]])
      var configuration = hasty
      configuration.resolver = resolver
      let client = GRPCClient(
        [.tcp(host: "one.test", port: 1), .tcp(host: "two.test", port: 1)],
        configuration: configuration)
      try await expect("a", from: client)
      resolver.forget("two.test")
      await servers[0].shutdown(within: .zero)
      for _ in 0..<20 { try await expect("b", from: client, waits: true) }
      await client.close()
    }
  }

  @Test(
    "A name without an address fails calls with UNAVAILABLE; those that wait are made when it has one"
  )
  func namelessThenNamed() async throws {
    try await serve(["a"]) { endpoints, _ in
      let resolver = FixedResolver([])
      var configuration = hasty
      configuration.resolver = resolver
      let client = GRPCClient(.tcp(host: "named.test", port: 1), configuration: configuration)
      let error = await failure { _ = try await ask(client) }
      #expect(error == RPCError(.unavailable, "named.test has no address"))
      async let patient = ask(client, waits: true)
      resolver.set(endpoints)
      let name = try await patient
      #expect(name == "a")
      await client.close()
    }
  }

  @Test("The system's names are looked up")
  func system() async throws {
    let found = try await SystemNameResolver().addresses(ofHost: "localhost", port: 7)
    #expect(
      found.contains(.tcp(host: "127.0.0.1", port: 7)) || found.contains(.tcp(host: "::1", port: 7))
    )
    await #expect(throws: (any Error).self) {
      _ = try await SystemNameResolver().addresses(ofHost: "no such host", port: 7)
    }
  }

  @Test("connect() returns once calls go out at once, and throws when nobody listens")
  func connects() async throws {
    try await serve(["a"]) { endpoints, servers in
      let client = GRPCClient(endpoints)
      #expect(client.connectivity == .idle)
      try await client.connect()
      #expect(client.connectivity == .ready)
      #expect(servers[0].connectionCount == 1)
      await client.close()
      #expect(client.connectivity == .shutdown)
    }
    let lost = GRPCClient(SocketKind.unix.free())
    let error = await failure { try await lost.connect() }
    #expect(error?.code == .unavailable)
    #expect(lost.connectivity == .transientFailure)
    await lost.close()
    let closed = await failure { try await lost.connect() }
    #expect(closed?.code == .unavailable)
  }

  @Test("Without calls a client lets go of its connections, and connects again with the next call")
  func idles() async throws {
    try await serve(["a", "b"]) { endpoints, servers in
      for balancing in [LoadBalancing.pickFirst, .roundRobin] {
        var configuration = hasty
        configuration.balancing = balancing
        configuration.idleTimeout = .milliseconds(30)
        let client = GRPCClient(endpoints, configuration: configuration)
        for _ in 0..<2 {
          try await client.connect()
          _ = try await ask(client)
          await wait(client, for: .idle)
        }
        await client.close()
      }
    }
  }

  @Test("A call under way keeps an idle client's connection")
  func busy() async throws {
    var configuration = ClientConfiguration()
    configuration.idleTimeout = .milliseconds(5)
    try await Fixture.run(client: configuration) { fixture in
      async let answer: Bytes = fixture.client.unary(EchoService.wait, Bytes("patience"))
      await fixture.service.began.wait()
      // Longer than the timeout by many times of it.
      var options = CallOptions(timeout: .milliseconds(100))
      options.waitsForReady = true
      let patient = options
      _ = await failure {
        let _: Bytes = try await fixture.client.unary(
          EchoService.hang, Bytes(""), options: patient)
      }
      #expect(fixture.client.connectivity == .ready)
      fixture.service.gate.fire()
      let received = try await answer
      #expect(received == "patience")
    }
  }

  @Test("A client that nobody holds any more closes its connections")
  func unheld() async throws {
    try await serve(["a"]) { endpoints, servers in
      var client: GRPCClient? = GRPCClient(endpoints)
      let states = try #require(client?.connectivityStates)
      try await client?.connect()
      client = nil
      for await state in states where state == .shutdown { break }
    }
  }

  @Test(
    "No call goes to a server that says that it does not serve",
    arguments: [LoadBalancing.pickFirst, .roundRobin])
  func health(balancing: LoadBalancing) async throws {
    try await serve(["sick", "well", "none"]) { endpoints, _ in
      let probe = FixedHealth(serving: false)
      var configuration = hasty
      configuration.balancing = balancing
      configuration.healthProbe = probe
      let client = GRPCClient(Array(endpoints.prefix(2)), configuration: configuration)
      for _ in 0..<10 { try await expect("well", from: client) }
      await client.close()

      let alone = GRPCClient(endpoints[0], configuration: configuration)
      let error = await failure { _ = try await ask(alone) }
      #expect(error?.code == .unavailable)
      probe.turn(true)
      try await expect("sick", from: alone, waits: true)
      probe.turn(false)
      await wait(alone, for: .transientFailure)
      let again = await failure { _ = try await ask(alone) }
      #expect(again?.code == .unavailable)
      await alone.close()

      let unknowable = GRPCClient(endpoints[2], configuration: configuration)
      try await expect("none", from: unknowable)
      await unknowable.close()
    }
  }
}
