/// How a client secures its connections: TLS, ALPN `h2` required, the server's certificate verified.
///
/// Files are looked at when a connection is made, at most once each `reloadInterval`; a change that
/// can't be used leaves what was read before in use.
public struct ClientTLS: Sendable, Hashable {
  /// The authorities that the server's certificate must be of.
  public var trust: TrustRoots
  /// The client's own certificate, for servers that ask for one.
  public var identity: TLSIdentity?
  /// The name that the certificate must be for, and that calls give as `:authority`; nil: the host
  /// that is connected to (`localhost` for a unix socket). Not an IP address.
  public var serverName: String?
  /// The oldest version spoken.
  public var minimumVersion = MinimumTLSVersion.tls12
  /// The shortest time between two looks at the files; nil: they are read once.
  public var reloadInterval: Duration? = .seconds(5)

  /// TLS to servers of these authorities.
  public init(trust: TrustRoots = .system, identity: TLSIdentity? = nil, serverName: String? = nil)
  {
    self.trust = trust
    self.identity = identity
    self.serverName = serverName
  }
}
