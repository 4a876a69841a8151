import Glibc
import NIOCore
import NIOPosix

/// The sockets that one server listens on.
struct Listeners: Sendable {
  private struct Listener: Sendable {
    let endpoint: SocketEndpoint
    let channel: any Channel
    /// The file to remove in the end: of a unix socket that we made.
    let file: String?
  }

  private let acceptor: ConnectionAcceptor
  private let group: any EventLoopGroup
  private var all: [Listener] = []

  /// Where they listen, with the ports that they got.
  var endpoints: [SocketEndpoint] { all.map(\.endpoint) }

  /// The same, with the addresses of the sockets.
  var addresses: [(endpoint: SocketEndpoint, address: SocketAddress?)] {
    all.map { ($0.endpoint, $0.channel.localAddress) }
  }

  init(_ acceptor: ConnectionAcceptor, _ group: any EventLoopGroup) {
    self.acceptor = acceptor
    self.group = group
  }

  private var bootstrap: ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1_024)
      .childChannelInitializer { [acceptor] channel in
        // An inherited socket may be of either kind; TCP's option does not exist on unix sockets.
        if case .unixDomainSocket? = channel.localAddress { return acceptor.accept(channel) }
        return channel.setOption(.tcpOption(.tcp_nodelay), value: 1).flatMap {
          acceptor.accept(channel)
        }
      }
  }

  /// Listens where nobody does yet.
  mutating func bind(_ endpoint: SocketEndpoint) async throws(TransportError) {
    let address = try endpoint.address()
    var bootstrap = bootstrap
    var file: String?
    if case .unix(let path) = endpoint {
      try await StaleSocket.remove(path, group: group)
      file = path
    } else {
      bootstrap = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    }
    do {
      let channel = try await bootstrap.bind(to: address).get()
      if let file { chmod(file, mode_t(acceptor.configuration.socketPermissions)) }
      add(channel, file: file, else: endpoint)
    } catch {
      throw .cannotListen("\(endpoint): \(error)")
    }
  }

  /// Accepts on a socket that somebody else has bound.
  mutating func take(_ socket: InheritedSocket) async throws(TransportError) {
    do {
      let channel = try await bootstrap.withBoundSocket(socket.descriptor).get()
      add(channel, file: nil, else: .unix(path: ""))
    } catch {
      throw .cannotListen("the inherited socket \(socket.name): \(error)")
    }
  }

  private mutating func add(
    _ channel: any Channel, file: String?, else endpoint: SocketEndpoint
  ) {
    var endpoint = endpoint
    switch channel.localAddress {
    case .unixDomainSocket?:
      if file == nil { endpoint = .unix(path: channel.localAddress?.pathname ?? "") }
    case .v4?, .v6?:
      let address = channel.localAddress?.ipAddress ?? ""
      let host = if case .tcp(let host, _) = endpoint { host } else { address }
      endpoint = .tcp(host: host, port: channel.localAddress?.port ?? 0)
    case nil: break
    }
    all.append(Listener(endpoint: endpoint, channel: channel, file: file))
  }

  /// Accepts no more; harmless again.
  func close() async {
    for listener in all {
      try? await listener.channel.close()
      if let file = listener.file { unlink(file) }
    }
  }
}
