/// How a server secures its connections: TLS, ALPN `h2` required, clients' certificates if wished.
///
/// Files are looked at when a client connects, at most once each `reloadInterval`; when one of them
/// has changed, all are read again. What can't be used then is logged as an error, and the old
/// certificate stays in use; connections that stand are not touched. Replace files by renaming.
public struct ServerTLS: Sendable, Hashable {
  /// Whether clients prove who they are (mutual TLS).
  public enum ClientVerification: Sendable, Hashable {
    /// They are not asked.
    case none
    /// They are asked; one without a certificate is anonymous, one with a wrong one is refused.
    case optional(TrustRoots)
    /// One without a certificate of these authorities is refused.
    case required(TrustRoots)
  }

  /// The server's certificate.
  public var identity: TLSIdentity
  /// Whether clients prove who they are: see `ServerContext.peerIdentity`.
  public var clients: ClientVerification
  /// The oldest version spoken.
  public var minimumVersion = MinimumTLSVersion.tls12
  /// The shortest time between two looks at the files; nil: only `GRPCServer.reloadCertificates`.
  public var reloadInterval: Duration? = .seconds(5)

  /// TLS with this certificate.
  public init(_ identity: TLSIdentity, clients: ClientVerification = .none) {
    self.identity = identity
    self.clients = clients
  }
}
