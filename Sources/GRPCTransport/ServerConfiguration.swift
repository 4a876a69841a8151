import GRPC
import HTTP2

/// The bounds of a server.
public struct ServerConfiguration: Sendable {
  /// Of each call.
  public var calls = CallLimits()
  /// Of each connection.
  public var connections = HTTP2Limits()
  /// Connections open at once; more are closed as they come.
  public var maximumConnections = 10_000
  /// Bytes that one connection may hold for its calls: messages that handlers have not read, those
  /// that have come in part, answers that the peer has not taken, and for each open call 4 KiB
  /// and twice its headers.
  ///
  /// Near the bound, new calls are refused (REFUSED_STREAM, which clients may try again). Beyond it, by
  /// at most some 64 KiB and one message, the calls that hold most end with RESOURCE_EXHAUSTED.
  public var connectionMemory = 64 << 20
  /// Bytes that all connections together may hold for their calls. Beyond it, new calls are refused,
  /// and connections that hold more than their even share are cut back to it.
  public var memory = 1 << 30
  /// Handlers that may run on when their calls are over, since they ignore their cancellation; of one
  /// connection as many as it may have streams. Beyond it, new calls are refused (REFUSED_STREAM).
  public var maximumAbandonedHandlers = 10_000
  /// TLS for every connection; nil: plaintext.
  public var tls: ServerTLS?
  /// How long a TLS handshake may take.
  public var handshakeTimeout = Duration.seconds(10)
  /// How long a peer may take until it has begun an HTTP/2 connection, after the TLS handshake.
  public var prefaceTimeout = Duration.seconds(10)
  /// How slowly clients may send what they have begun.
  public var requestPace = RequestPace()
  /// When clients are asked whether they are there, and how often they may ask.
  public var keepalive = ServerKeepalive()
  /// A connection this old, give or take 10 %, takes no new calls and closes after those it has;
  /// nil: it may grow older. Lets clients be spread anew.
  public var maximumConnectionAge: Duration?
  /// A connection without calls for so long is closed; nil: it may stay.
  public var maximumConnectionIdle: Duration?
  /// How long the calls of a connection that is too old may take to end; nil: as long as they do.
  public var connectionAgeGrace: Duration?
  /// Lets the server listen, in plaintext, where other machines can reach it.
  public var allowsInsecureNetwork = false
  /// The mode of a unix socket's file.
  public var socketPermissions: UInt32 = 0o600

  /// gRPC's usual limits, loopback only.
  public init() {}
}
