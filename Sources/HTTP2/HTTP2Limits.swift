/// What one connection may cost; every bound of an `HTTP2Session` is here.
public struct HTTP2Limits: Sendable {
  /// Streams the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS); more are refused.
  public var concurrentStreams: UInt32 = 1_000
  /// Bytes of one header list, counted as RFC 9113 §10.5.1 counts (name + value + 32 a field).
  public var headerListSize: Int = 16 << 10
  /// Bytes the peer may send on one stream ahead of `HTTP2Session.consume`.
  public var streamWindow: Int32 = 1 << 20
  /// Bytes the peer may send on the whole connection ahead of `HTTP2Session.consume`.
  public var connectionWindow: Int32 = 16 << 20
  /// Bytes queued for sending on one stream past which `HTTP2Session.write` asks the writer to wait.
  public var outboundHighWater: Int = 64 << 10
  /// Frames that move no request forward (PING, SETTINGS, PRIORITY, RST_STREAM, WINDOW_UPDATE, DATA
  /// without bytes, refused frames) that a peer may send ahead of useful ones before it is
  /// disconnected; also how many streams it may make a server reset. Both are given anew each second.
  public var idleFrames: Int = 1_000
  /// RST_STREAM frames that a client may send at once, and each second from then on.
  public var resets: (burst: UInt64, perSecond: UInt64) = (1_000, 100)

  /// The defaults: fit for a server of many small calls.
  public init() {}
}
