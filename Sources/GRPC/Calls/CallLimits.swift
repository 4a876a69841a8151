/// What one call may cost. Each limit holds for one call, in one direction where there are two.
public struct CallLimits: Sendable, Hashable {
  /// The largest message taken from a peer, in bytes.
  public var maximumInboundMessage = 4 << 20
  /// The largest message sent, in bytes; never more than 2³² − 1, the most that a prefix can say.
  public var maximumOutboundMessage = 4 << 20
  /// The largest header or trailer block taken from a peer, in bytes as HTTP/2 counts them.
  public var maximumMetadata = 8 << 10
  /// A writer waits while more bytes than this are written and not yet sent.
  public var highWaterMark = 64 << 10
  /// Waiting writers go on once at most this many bytes are left.
  public var lowWaterMark = 32 << 10

  /// gRPC's usual limits: messages of 4 MiB, metadata of 8 KiB, 64 KiB written ahead.
  public init() {}
}
