/// How a server finds out that a client is gone, and how often it lets clients ask the same
/// (gRFC A8 and A9; grpc "keepalive.md").
public struct ServerKeepalive: Sendable, Hashable {
  /// After so long without a sign of the client it is sent a PING; nil: never.
  public var time: Duration? = .seconds(2 * 60 * 60)
  /// A client that gives no sign for so long after the PING is gone.
  public var timeout = Duration.seconds(20)
  /// A client whose pings come faster than this, with nothing of a call sent to it in between, is
  /// disconnected after `maximumPingStrikes` (GOAWAY ENHANCE_YOUR_CALM, `too_many_pings`).
  public var shortestPingInterval = Duration.seconds(5 * 60)
  /// Whether that interval holds for a client without calls too; else it is two hours.
  public var permitsPingsWithoutCalls = false
  /// How many pings may come too early.
  public var maximumPingStrikes = 2

  /// gRPC's usual values.
  public init() {}
}

/// How a client finds out that a server is gone (gRFC A8).
///
/// Servers allow few pings (gRPC's default: one in five minutes). A server that is pinged too often
/// closes the connection; the time is then doubled for the connections that follow.
public struct ClientKeepalive: Sendable, Hashable {
  /// After so long without a sign of the server it is sent a PING; at least 10 s.
  public var time: Duration
  /// A server that gives no sign for so long after the PING is gone: calls fail with UNAVAILABLE.
  public var timeout = Duration.seconds(20)
  /// Whether pings are sent while there is no call.
  public var withoutCalls = false

  /// Pings after this time.
  public init(time: Duration) { self.time = time }

  /// No shorter time is kept (gRFC A8).
  static let shortestTime = Duration.seconds(10)
}
