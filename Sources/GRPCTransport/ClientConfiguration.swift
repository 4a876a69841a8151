import GRPC
import HTTP2

/// The bounds and habits of a client.
public struct ClientConfiguration: Sendable {
  /// Of each call.
  public var calls = CallLimits()
  /// Of each connection.
  public var connection = HTTP2Limits()
  /// TLS for every connection; nil: plaintext.
  public var tls: ClientTLS?
  /// When servers are asked whether they are there; nil: never.
  public var keepalive: ClientKeepalive?
  /// Between attempts to connect to one address.
  public var backoff = ConnectionBackoff()
  /// Calls that may wait for a connection, or for a stream of it; more fail with RESOURCE_EXHAUSTED.
  public var maximumWaitingCalls = 10_000
  /// Which calls are made again after a failure.
  public var retries = RetryConfiguration()
  /// How calls are spread when there are several addresses.
  public var balancing = LoadBalancing.pickFirst
  /// How long `.pickFirst` waits for one address before it also tries the next (gRFC A61).
  public var attemptDelay = Duration.milliseconds(250)
  /// Looks names up.
  public var resolver: any NameResolver = SystemNameResolver()
  /// Names are looked up again when a connection fails or is lost, but not more often than this.
  public var shortestResolutionInterval = Duration.seconds(30)
  /// A client that had no call for this long, or up to twice as long, lets go of its connections
  /// until the next call; nil: never.
  public var idleTimeout: Duration? = .seconds(30 * 60)
  /// What requests name as their `:authority`; nil: `ClientTLS.serverName`, or the host
  /// and the port of their endpoint.
  public var authority: String?
  /// Keeps calls away from servers that say that they do not serve; nil: nobody asks them.
  public var healthProbe: (any HealthProbe)?

  /// gRPC's usual values.
  public init() {}
}
