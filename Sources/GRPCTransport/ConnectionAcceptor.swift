import GRPC
import HTTP2
import Logging
import NIOCore

/// Makes a server's connections out of the channels that its listeners accept.
package struct ConnectionAcceptor: Sendable {
  let router: Router
  let configuration: ServerConfiguration
  let registry: ServedConnections
  let tls: TLSContexts?
  let logger: Logger

  init(
    _ router: Router, _ configuration: ServerConfiguration, tls: TLSContexts?, logger: Logger
  ) {
    self.router = router.forOneServer()
    self.configuration = configuration
    registry = ServedConnections(
      limit: configuration.maximumConnections, memory: MemoryBudget(limit: configuration.memory),
      abandonedHandlers: AbandonedHandlers(limit: configuration.maximumAbandonedHandlers))
    self.tls = tls
    self.logger = logger
  }

  /// For channels that no listener accepted, in plaintext.
  package init(_ router: Router, _ configuration: ServerConfiguration, logger: Logger) {
    self.init(router, configuration, tls: nil, logger: logger)
  }

  /// How many connections there are.
  package var connectionCount: Int { registry.count }

  /// Fills the channel's pipeline; called on its loop, before it is active.
  package func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
    let eventLoop = channel.eventLoop
    guard let tls else {
      return eventLoop.makeCompletedFuture { try fill(channel, .plaintext) }
    }
    guard registry.beginHandshake(channel) else {
      return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
    }
    channel.closeFuture.whenComplete { [registry] _ in registry.endHandshake(channel) }
    return tls.current(on: eventLoop).flatMapThrowing { try fill(channel, .server($0)) }
  }

  private func fill(_ channel: any Channel, _ security: ConnectionPipeline.Security) throws {
    try ConnectionPipeline.fill(
      channel, security, handshakeTimeout: configuration.handshakeTimeout,
      opened: { identity in
        registry.endHandshake(channel)
        return try link(identity, on: channel.eventLoop)
      },
      failed: { error in
        logger.debug(
          "a connection was refused",
          metadata: ["peer": "\(PeerName.of(channel))", "reason": "\(error.message)"])
      })
  }

  private func link(
    _ identity: PeerIdentity?, on eventLoop: any EventLoop
  ) throws -> HTTP2Link<ServedCalls> {
    let calls = ServedCalls(
      router, limits: configuration.calls, on: eventLoop, registry: registry,
      bounds: ServedBounds(configuration), logger: logger)
    return try HTTP2Link(
      calls, limits: configuration.connections, rules: ConnectionRules(configuration),
      identity: identity, on: eventLoop)
  }
}
