import GRPCTransport

extension ClientConfiguration {
  /// Of connections to a coordinator.
  ///
  /// A call may say nothing for long (a worker without VMs, a session that is watched), while a
  /// firewall forgets the connection or the coordinator's machine is gone: a PING finds out.
  static func toCoordinator(tls: ClientTLS?) -> ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.tls = tls
    var keepalive = ClientKeepalive(time: .seconds(30))
    keepalive.withoutCalls = true
    configuration.keepalive = keepalive
    return configuration
  }
}

extension ServerConfiguration {
  /// Of connections from workers and operators.
  ///
  /// No client is cut off for pings every 10 s, the most that gRPC's own clients send (gRFC A8).
  static func coordinator(tls: ServerTLS?, allowsInsecureNetwork: Bool) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.tls = tls
    configuration.allowsInsecureNetwork = allowsInsecureNetwork
    configuration.keepalive.shortestPingInterval = .seconds(5)
    configuration.keepalive.permitsPingsWithoutCalls = true
    return configuration
  }
}
