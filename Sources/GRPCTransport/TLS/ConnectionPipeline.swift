import GRPC
import NIOCore
import NIOSSL

/// Puts a connection's handlers into its channel, for both sides and with TLS or without.
enum ConnectionPipeline {
  /// Which side of TLS a channel is, or that it is plaintext. Made for one connection.
  enum Security {
    case plaintext
    case server(NIOSSLContext)
    /// The name is what the server's certificate must be for; nil: its address.
    case client(NIOSSLContext, serverName: String?)

    fileprivate var serverName: String? {
      if case .client(_, let name) = self { name } else { nil }
    }
  }

  /// Adds the handler that `opened` makes, after the TLS handshake if there is one; on the channel's
  /// loop. Without it comes `failed`, with the reason.
  static func fill(
    _ channel: any Channel, _ security: Security, handshakeTimeout: Duration,
    opened: @escaping (PeerIdentity?) throws -> any ChannelHandler,
    failed: @escaping (RPCError) -> Void
  ) throws {
    let pipeline = channel.pipeline.syncOperations
    guard let tls = try handler(security) else {
      try pipeline.addHandler(opened(nil))
      return
    }
    try pipeline.addHandler(tls)
    try pipeline.addHandler(
      TLSGate(
        tls, serverName: security.serverName, timeout: handshakeTimeout, opened: opened,
        failed: failed))
  }

  private static func handler(_ security: Security) throws -> NIOSSLHandler? {
    // What was written in a burst is not worth keeping for an idle connection.
    var habits = NIOSSLHandler.Configuration()
    habits.maximumPreservedOutboundBufferCapacity = 64 << 10
    switch security {
    case .plaintext: return nil
    case .server(let context):
      return NIOSSLServerHandler(context: context, configuration: habits)
    case .client(let context, let name):
      return try NIOSSLClientHandler(
        context: context, serverHostname: name, configuration: habits)
    }
  }
}
