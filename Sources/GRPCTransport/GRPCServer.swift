import GRPC
import Glibc
import HTTP2
import Logging
import NIOCore
import NIOPosix

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
  /// Where it listens, with the port that it got.
  public let endpoint: SocketEndpoint

  private let channel: any Channel
  private let registry: ServedConnections
  private let router: Router
  private let tls: TLSContexts?

  private init(
    _ endpoint: SocketEndpoint, _ channel: any Channel, _ registry: ServedConnections,
    _ router: Router, _ tls: TLSContexts?
  ) {
    self.router = router
    self.tls = tls
    self.endpoint = endpoint
    self.channel = channel
    self.registry = registry
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
    let address = try endpoint.address()
    let isAllowed =
      address.isLocal || configuration.tls != nil || configuration.allowsInsecureNetwork
    guard isAllowed else {
      throw .insecureEndpoint("\(endpoint)")
    }
    let tls = configuration.tls.map { tls in
      TLSContexts(TLSMaterial(tls), interval: tls.reloadInterval, logger: logger)
    }
    try tls?.reload()
    if case .unix(let path) = endpoint {
      try await StaleSocket.remove(path, group: group)
    }
    let registry = ServedConnections(limit: configuration.maximumConnections)
    let acceptor = ConnectionAcceptor(
      router: router, configuration: configuration, registry: registry, tls: tls, logger: logger)
    let bootstrap = bootstrap(acceptor, address, group)
    do {
      let channel = try await bootstrap.bind(to: address).get()
      if case .unix(let path) = endpoint { chmod(path, mode_t(configuration.socketPermissions)) }
      return GRPCServer(bound(endpoint, channel), channel, registry, router, tls)
    } catch {
      throw .cannotListen("\(endpoint): \(error)")
    }
  }

  private static func bootstrap(
    _ acceptor: ConnectionAcceptor, _ address: SocketAddress, _ group: any EventLoopGroup
  ) -> ServerBootstrap {
    var bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1_024)
      .childChannelInitializer { acceptor.accept($0) }
    if case .unixDomainSocket = address { return bootstrap }
    bootstrap = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    return bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
  }

  private static func bound(_ endpoint: SocketEndpoint, _ channel: any Channel) -> SocketEndpoint {
    guard case .tcp(let host, _) = endpoint, let port = channel.localAddress?.port else {
      return endpoint
    }
    return .tcp(host: host, port: port)
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
    router.beginShutdown()
    try? await channel.close()
    if case .unix(let path) = endpoint { unlink(path) }
    registry.drain()
    let registry = registry
    let bound = channel.eventLoop.scheduleTask(in: TimeAmount(grace)) { registry.cutOff() }
    await registry.waitUntilEmpty()
    bound.cancel()
  }
}

/// The file that a server which was killed left behind.
private enum StaleSocket {
  /// Removes the file if it is a socket and nobody answers there.
  static func remove(_ path: String, group: any EventLoopGroup) async throws(TransportError) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else {
      throw .cannotListen("\(path) exists and is not a socket")
    }
    let probe = try? await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
    if let probe {
      try? await probe.close()
      throw .cannotListen("another server listens on \(path)")
    }
    unlink(path)
  }
}
