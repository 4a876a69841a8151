/// One call's way out, as its transport offers it: a stream of an HTTP/2 connection, or half of an
/// in-process pipe.
///
/// Both methods may be called from any thread, also from within the transport's own call into the
/// call object. A transport bound to an event loop does the work there at once when it is on it,
/// and else hops; it flushes once a turn. Operations come in order and one at a time.
///
/// The other direction is the methods of `ServerCall` and `ClientCall`. A transport calls those of
/// one call one at a time, and drops its reference to the call after its last event.
public protocol CallTransport<Operation>: AnyObject, Sendable {
  /// `ServerOperation` or `ClientOperation`.
  associatedtype Operation: Sendable

  /// Does one operation. After the last one (`answer`, `trailers`, `abort`, `cancel`), or when the stream is
  /// gone, it does nothing.
  func perform(_ operation: Operation)

  /// So many received bytes, of those given to `receive(_:)`, are read: the peer's window may be
  /// widened by them. Every byte is counted once, by the end of the call at the latest.
  func consumed(_ bytes: Int)
}

/// What a server's call asks of its transport.
public enum ServerOperation: Sendable, Hashable {
  /// All of a call that has written nothing yet and succeeds with one message: as the three would do
  /// that follow here, one after another.
  case answer(ResponseHead, OutboundMessage, ResponseTrailers)
  /// The response's header block; at most once, before any message.
  case initialMetadata(ResponseHead)
  /// One message; the transport answers with `sent(_:)` as it leaves.
  case message(OutboundMessage)
  /// The end, after all messages. Without initial metadata before it, it is a Trailers-Only answer.
  /// If the client has not ended its side, the stream is then reset with NO_ERROR (RFC 9113 §8.1).
  case trailers(ResponseTrailers)
  /// The end, at once: what is not sent yet is dropped, whole messages at a time where that can be.
  case abort(ResponseTrailers)
}

/// What a client's call asks of its transport.
public enum ClientOperation: Sendable, Hashable {
  /// One message; the transport answers with `sent(_:)` as it leaves.
  case message(OutboundMessage)
  /// The client sends no more (END_STREAM).
  case end
  /// Nobody waits for the call any more: reset its stream with CANCEL, dropping what is not sent.
  case cancel
}
