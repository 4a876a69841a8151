/// A stream of one connection, and its place in a dense table.
///
/// `slot` is less than the number of streams open at once, and is free for another stream after
/// `.closed`: a user can keep what belongs to a stream in an array. An id is never used twice.
public struct HTTP2Stream: Hashable, Sendable {
  /// The number in frames.
  public let id: Int32
  /// The place in the table.
  public let slot: Int

  /// A stream and its place.
  public init(id: Int32, slot: Int) {
    self.id = id
    self.slot = slot
  }
}

/// What the peer did, in the order in which it did it.
public enum HTTP2Event: Sendable {
  /// A header block: a request, a response (also an informational one) or trailers.
  /// If it `ends` its side of the stream, `.end` follows all the same.
  case headers(HTTP2Stream, HeaderBlock, ends: Bool)
  /// A header block over `HTTP2Limits.headerListSize`; it was read and thrown away.
  case headersTooLarge(HTTP2Stream)
  /// Body bytes: this range of the input of the `receive` that brought the event.
  /// They count against the windows until `HTTP2Session.consume`.
  case data(HTTP2Stream, Range<Int>)
  /// The peer sends nothing more on this stream.
  case end(HTTP2Stream)
  /// The bytes queued for this stream fell below half the high-water mark, after a `write` that said to wait.
  case writable(HTTP2Stream)
  /// The stream is over in both directions; nothing follows, and its slot is free.
  case closed(HTTP2Stream, HTTP2ErrorCode)
  /// The peer processes no stream above `lastStream`, and opens none.
  case goAway(lastStream: Int32, HTTP2ErrorCode)
  /// The peer's settings changed: `HTTP2Session.availableStreams` may be another.
  case settings
  /// The peer has sent a PING, which is answered.
  case ping
  /// The answer to a `ping`.
  case pong(UInt64)
}
