import GRPC
import HTTP2
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Serves a router's methods on a socket, with TLS (`ServerConfiguration.tls`) or in plaintext.
///
/// ```swift
/// var router = Router()
/// router.add(Greeter())
/// let server = try await GRPCServer.start(router, on: .tcp(host: "127.0.0.1", port: 0))
/// print(server.endpoint)
/// await server.shutdown(within: .seconds(10))
/// ```
///
/// A handler runs on its connection's event loop: it must not block.
public final class GRPCServer: Sendable {
  /// Where it listens, with the ports that it got; never empty.
  public let endpoints: [SocketEndpoint]
  /// The first of `endpoints`.
  public var endpoint: SocketEndpoint { endpoints[0] }

  private let listeners: Listeners
  let registry: ServedConnections
  private let router: Router
  private let tls: TLSContexts?
  private let eventLoop: any EventLoop
  private let isShuttingDown = Atomic<Bool>(false)

  private init(
    _ listeners: Listeners, _ acceptor: ConnectionAcceptor, _ eventLoop: any EventLoop
  ) {
    self.listeners = listeners
    endpoints = listeners.endpoints
    router = acceptor.router
    registry = acceptor.registry
    tls = acceptor.tls
    self.eventLoop = eventLoop
  }

  /// Starts to listen; call `shutdown` when it is no longer needed.
  ///
  /// The file of a unix socket that nobody listens on any more is replaced.
  /// - Throws: a `TransportError`.
  public static func start(
    _ router: Router, on endpoint: SocketEndpoint,
    configuration: ServerConfiguration = ServerConfiguration(),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    logger: Logger = Logger(label: "grpc.server")
  ) async throws(TransportError) -> GRPCServer {
    try await start(
      router, on: [endpoint], inheriting: [], configuration: configuration, group: group,
      logger: logger)
  }

  /// Starts to listen in several places, those among them that were handed to the process
  /// (`InheritedSocket.all()`); all or none.
  ///
  /// - Throws: a `TransportError`.
  public static func start(
    _ router: Router, on endpoints: [SocketEndpoint] = [], inheriting sockets: [InheritedSocket],
    configuration: ServerConfiguration = ServerConfiguration(),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    logger: Logger = Logger(label: "grpc.server")
  ) async throws(TransportError) -> GRPCServer {
    guard !endpoints.isEmpty || !sockets.isEmpty else {
      throw .invalidEndpoint("there is none; name one, or have a socket handed over")
    }
    if configuration.tls == nil, !configuration.allowsInsecureNetwork {
      try refuseNetwork(endpoints, sockets)
    }
    let tls = configuration.tls.map { tls in
      TLSContexts(TLSMaterial(tls), interval: tls.reloadInterval, logger: logger)
    }
    try tls?.reload()
    let acceptor = ConnectionAcceptor(router, configuration, tls: tls, logger: logger)
    var listeners = Listeners(acceptor, group)
    do {
      for socket in sockets { try await listeners.take(socket) }
      for endpoint in endpoints { try await listeners.bind(endpoint) }
    } catch {
      await listeners.close()
      acceptor.router.beginShutdown()
      throw error
    }
    acceptor.registry.listens(on: listeners.addresses)
    return GRPCServer(listeners, acceptor, group.next())
  }

  private static func refuseNetwork(
    _ endpoints: [SocketEndpoint], _ sockets: [InheritedSocket]
  ) throws(TransportError) {
    for endpoint in endpoints where try !endpoint.address().isLocal {
      throw .insecureEndpoint("\(endpoint)")
    }
    for socket in sockets where !socket.isLocal {
      throw .insecureEndpoint("the inherited socket \(socket.name)")
    }
  }

  /// How many connections are open.
  public var connectionCount: Int { registry.count }

  /// What the calls of all connections so far have come to, those that are closed among them.
  public func counters() async -> CallCounters { await registry.counters() }

  /// Reads the certificates again now, changed or not; for connections that come from now on.
  ///
  /// Changed files are noticed without it: see `ServerTLS.reloadInterval`.
  /// - Throws: a `TransportError.tls` if they can't be used; those in use stay.
  public func reloadCertificates() async throws(TransportError) {
    guard let tls else { return }
    let result = try? await NIOThreadPool.singleton.runIfActive {
      Result { () throws(TransportError) in try tls.reload() }
    }
    try result?.get()
  }

  /// Stops listening, lets calls under way finish, and returns once every connection is closed.
  ///
  /// Calls that last longer than `grace` are cancelled, and their connections closed: a handler
  /// that ignores its cancellation is not waited for. Harmless again.
  public func shutdown(within grace: Duration) async {
    if !isShuttingDown.exchange(true, ordering: .acquiringAndReleasing) { router.beginShutdown() }
    await listeners.close()
    registry.drain()
    let registry = registry
    let bound = eventLoop.scheduleTask(in: TimeAmount(grace)) { registry.cutOff() }
    await registry.waitUntilEmpty()
    bound.cancel()
  }
}
