import GRPC
import GRPCServices
import GRPCTransport
import HTTP2
import WellKnownTypes

func documentedServerTLS(_ router: Router) async throws -> GRPCServer {
  // snippet: GRPCTransport/TLS
  var configuration = ServerConfiguration()
  configuration.tls = ServerTLS(.files(certificateChain: "server.pem", privateKey: "server.key"))
  let server = try await GRPCServer.start(
    router, on: .tcp(host: "0.0.0.0", port: 443), configuration: configuration)
  // end
  return server
}

func documentedClientTLS() -> GRPCClient {
  // snippet: GRPCTransport/TLS
  var configuration = ClientConfiguration()
  configuration.tls = ClientTLS()
  let client = GRPCClient(
    .tcp(host: "greeter.example.com", port: 443), configuration: configuration)
  // end
  return client
}

func documentedMutualTLS(_ identity: TLSIdentity) -> (ServerTLS, Router) {
  // snippet: GRPCTransport/TLS
  let tls = ServerTLS(identity, clients: .required(.pem(.file("clients-ca.pem"))))

  var router = Router()
  router.intercept(
    with: AuthenticationInterceptor(verify: { context in
      context.peerIdentity?.uris.first { $0.hasPrefix("spiffe://example.com/") }
    }))
  // end
  return (tls, router)
}

func documentedServerLife() -> ServerConfiguration {
  // snippet: GRPCTransport/ConnectionLife
  var configuration = ServerConfiguration()
  configuration.keepalive.time = .seconds(60)
  configuration.keepalive.shortestPingInterval = .seconds(10)
  configuration.maximumConnectionAge = .seconds(30 * 60)
  configuration.connectionAgeGrace = .seconds(5 * 60)
  configuration.maximumConnectionIdle = .seconds(15 * 60)
  // end
  return configuration
}

func documentedClientLife() -> ClientConfiguration {
  // snippet: GRPCTransport/ConnectionLife
  var configuration = ClientConfiguration()
  configuration.keepalive = ClientKeepalive(time: .seconds(60))
  configuration.idleTimeout = .seconds(10 * 60)
  // end
  return configuration
}

func documentedOwnStreams(_ feed: @escaping @Sendable () -> any FeedOfOneServer) -> Router {
  // snippet: GRPCTransport/ConnectionLife
  var router = Router()
  router.forEachServer { router in
    let feed = feed()
    router.add(feed)
    return { feed.end() }
  }
  // end
  return router
}

/// A service whose streams end only when they are told to.
protocol FeedOfOneServer: RPCService {
  func end()
}

func documentedActivation(_ router: Router) async throws -> GRPCServer {
  // snippet: GRPCTransport/SocketActivation
  let sockets = try InheritedSocket.all()
  let server = try await GRPCServer.start(
    router, on: sockets.isEmpty ? [.unix(path: "/run/greeter.sock")] : [], inheriting: sockets)
  // end
  return server
}

func documentedServices() -> Router {
  // snippet: GRPCServices/GRPCServices
  let health = HealthStatuses()
  var router = Router()
  router.add(Greeter())
  router.add(HealthService(health))
  router.add(ChannelzService())
  router.add(ReflectionService(describing: router))
  // end
  return router
}

func documentedHealth(_ health: HealthStatuses) {
  // snippet: GRPCServices/GRPCServices
  health.set(.notServing, for: "greeter.v1.Greeter")
  // end
}

func documentedProbe() -> ClientConfiguration {
  // snippet: GRPCServices/GRPCServices
  var configuration = ClientConfiguration()
  configuration.balancing = .roundRobin
  configuration.healthProbe = HealthServiceProbe(service: "greeter.v1.Greeter")
  // end
  return configuration
}

/// Takes and gives bytes, wherever they go.
protocol ByteSocket {
  func write(_ bytes: RawSpan)
}

func documentedSession(
  _ headers: HeaderBlock, _ socket: any ByteSocket, _ input: RawSpan,
  _ handle: (HTTP2Event) -> Void
) throws {
  // snippet: HTTP2/HTTP2
  var session = try HTTP2Session(role: .client)
  let stream = try session.open(headers)
  session.finish(stream)
  _ = try session.transmit { bytes in socket.write(bytes) }

  try session.receive(input)
  while let event = session.nextEvent() { handle(event) }
  // end
}

func documentedAttachment() throws {
  // snippet: WellKnownTypes/WellKnownTypes
  throw RPCError(
    .resourceExhausted, "too many jobs",
    attaching: [
      GoogleRpc.ErrorInfo(reason: "JOB_LIMIT", domain: "jobs.example.com"),
      GoogleRpc.RetryInfo(retryDelay: GoogleProtobuf.Duration(.seconds(30))),
    ])
  // end
}
