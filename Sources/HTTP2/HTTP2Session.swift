import CNGHTTP2

/// One HTTP/2 connection without a socket (RFC 9113): bytes in → events, submissions → bytes out.
///
/// Feed `receive` with what the peer sent and take the events with `nextEvent` before the next feed;
/// submit, then hand what `transmit` gives to the peer. Both may bring events: also take them after
/// `transmit`. Nothing is bounded by time here: timers are the user's.
/// Submissions for a stream that is over do nothing: the peer's reset may have crossed them.
public struct HTTP2Session: ~Copyable {
  /// Which end of the connection this is.
  public enum Role: Sendable {
    /// Opens streams.
    case client
    /// Answers on them.
    case server
  }

  // First, since ThreadSanitizer takes the first field for the address of what is accessed through it:
  // the compiler (6.3) fails if that is no plain pointer.
  private let state: UnsafeMutablePointer<SessionState>
  private let session: OpaquePointer?

  /// Starts a connection: the preface and SETTINGS wait in `transmit`.
  public init(role: Role, limits: HTTP2Limits = HTTP2Limits()) throws(HTTP2Error) {
    state = .allocate(capacity: 1)
    state.initialize(to: SessionState(limits: limits, preface: role == .server ? 24 : 0))
    var made: OpaquePointer?
    let failure = Self.make(role, limits, state, &made)
    session = made
    // From here on `deinit` frees what was made.
    guard failure == 0 else { throw HTTP2Error(library: Int(failure)) }
    try announce(role, limits)
  }

  deinit {
    nghttp2_session_del(session)
    state.deinitialize(count: 1)
    state.deallocate()
  }

  private static func make(
    _ role: Role, _ limits: HTTP2Limits, _ state: UnsafeMutablePointer<SessionState>,
    _ session: inout OpaquePointer?
  ) -> Int32 {
    var callbacks: OpaquePointer?
    var option: OpaquePointer?
    defer {
      nghttp2_session_callbacks_del(callbacks)
      nghttp2_option_del(option)
    }
    var failure = nghttp2_session_callbacks_new(&callbacks)
    guard failure == 0 else { return failure }
    failure = nghttp2_option_new(&option)
    guard failure == 0 else { return failure }
    SessionCallbacks.register(callbacks)
    if role == .server { SessionCallbacks.registerAbandoning(callbacks) }
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    // gRPC allows blanks around a value, to be trimmed (PROTOCOL-HTTP2, "ASCII-Value").
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1)
    nghttp2_option_set_stream_reset_rate_limit(option, limits.resets.burst, limits.resets.perSecond)
    return switch role {
    case .client: nghttp2_session_client_new2(&session, callbacks, state, option)
    case .server: nghttp2_session_server_new2(&session, callbacks, state, option)
    }
  }

  private func announce(_ role: Role, _ limits: HTTP2Limits) throws(HTTP2Error) {
    let window = UInt32(clamping: limits.streamWindow)
    var settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: window),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: limits.headerListSize)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
    ]
    switch role {
    case .client:
      settings.append(
        nghttp2_settings_entry(
          settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
    case .server:
      settings.append(
        nghttp2_settings_entry(
          settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
          value: limits.concurrentStreams))
    }
    try check(nghttp2_submit_settings(session, 0, settings, settings.count))
    try check(nghttp2_session_set_local_window_size(session, 0, 0, limits.connectionWindow))
  }

  private func check(_ result: Int32) throws(HTTP2Error) {
    if result < 0 { throw HTTP2Error(library: Int(result)) }
  }

  // MARK: Receiving

  /// Reads what the peer sent; its events are then in `nextEvent`.
  ///
  /// Throws when the connection can't go on; the reason for the peer (GOAWAY) then waits in `transmit`,
  /// and no event names this input.
  /// Many violations of the protocol do not throw: they answer with a GOAWAY, and `isFinished` follows.
  public mutating func receive(_ input: RawSpan) throws(HTTP2Error) {
    let result = input.withUnsafeBytes { bytes in
      state.pointee.input = bytes
      defer { state.pointee.input = nil }
      state.pointee.forgetHeardBlocks()
      state.pointee.charge(bytes)
      return nghttp2_session_mem_recv(session, bytes.baseAddress, bytes.count)
    }
    let isBacklogged = nghttp2_session_get_outbound_queue_size(session) > backlog
    let floods = isBacklogged || state.pointee.isFlooded
    guard result < 0 || floods else { return }
    state.pointee.events.dropData()
    let error =
      floods
      ? HTTP2Error(code: .enhanceYourCalm, reason: "the peer floods the connection")
      : HTTP2Error(library: result)
    terminate(error.code)
    throw error
  }

  /// Frames that may wait to be sent: an answer for each stream, and one for each idle frame. A peer
  /// that makes us answer and reads nothing comes to this.
  private var backlog: Int {
    let limits = state.pointee.limits
    return 2 * (Int(limits.concurrentStreams) + limits.idleFrames)
  }

  /// The next thing the peer did. A `.data` names a range of the last `receive`'s input.
  public mutating func nextEvent() -> HTTP2Event? {
    state.pointee.nextEvent()
  }

  /// Says that body bytes of a stream were used: the peer may send as many more.
  public mutating func consume(_ count: Int, on stream: HTTP2Stream) {
    guard isOpen(stream) else { return }
    let used = state.pointee.consume(count, stream.slot)
    guard used > 0 else { return }
    _ = nghttp2_session_consume(session, stream.id, used)
  }

  /// Renews the peer's allowance of idle frames; call it at most about once a second.
  public mutating func renewAllowance() { state.pointee.renewAllowance() }

  // MARK: Sending

  /// Hands over frames, one call of `body` each, until none is left or `limit` bytes were given.
  ///
  /// Returns true if more may wait. The span is valid during the call only.
  public mutating func transmit(
    atMost limit: Int = .max, _ body: (RawSpan) -> Void
  ) throws(HTTP2Error) -> Bool {
    var given = 0
    while given < limit {
      var frame: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &frame)
      guard count > 0 else {
        if count < 0 { throw HTTP2Error(library: count) }
        return false
      }
      body(UnsafeRawBufferPointer(start: frame, count: count).bytes)
      given += count
    }
    return true
  }

  /// Opens a stream with a request; the client's only.
  ///
  /// With `ends` the request has no body. Throws if the peer wants no more streams, or the ids ran out.
  public mutating func open(
    _ headers: borrowing HeaderBlock, ends: Bool = false
  ) throws(HTTP2Error) -> HTTP2Stream {
    guard nghttp2_session_check_request_allowed(session) != 0,
      let id = Int32(exactly: nghttp2_session_get_next_stream_id(session))
    else {
      throw HTTP2Error(code: .refusedStream, reason: "the connection takes no more streams")
    }
    let stream = state.pointee.streams.open(id)
    var provider = SessionCallbacks.bodySource(stream)
    let result = headers.withNameValues { fields in
      withUnsafePointer(to: &provider) {
        nghttp2_submit_request(
          session, nil, fields.baseAddress, fields.count, ends ? nil : $0,
          SessionState.mark(stream.slot))
      }
    }
    guard result == id else {
      _ = state.pointee.close(stream.slot)
      state.pointee.streams.release(stream.slot)
      throw HTTP2Error(library: Int(result))
    }
    return stream
  }

  /// Answers a request; with `ends` the answer has no body and no trailers.
  public mutating func respond(
    on stream: HTTP2Stream, _ headers: borrowing HeaderBlock, ends: Bool = false
  ) throws(HTTP2Error) {
    try headers.withNameValues { submitResponse(stream, $0, ends) }.get()
  }

  /// Answers a request with a constant, which is not copied.
  public mutating func respond(
    on stream: HTTP2Stream, _ headers: StaticHeaders, ends: Bool = false
  ) throws(HTTP2Error) {
    try submitResponse(stream, headers.fields, ends).get()
  }

  private func submitResponse(
    _ stream: HTTP2Stream, _ fields: UnsafeBufferPointer<nghttp2_nv>, _ ends: Bool
  ) -> Result<Void, HTTP2Error> {
    guard isOpen(stream) else { return .success(()) }
    var provider = SessionCallbacks.bodySource(stream)
    let failure = withUnsafePointer(to: &provider) {
      nghttp2_submit_response(
        session, stream.id, fields.baseAddress, fields.count, ends ? nil : $0)
    }
    return failure == 0 ? .success(()) : .failure(HTTP2Error(library: Int(failure)))
  }

  /// Queues body bytes, after `open` or `respond`. False: wait for `.writable` before writing more.
  ///
  /// The bytes are taken either way: the queue is bounded by the high-water mark and one write.
  public mutating func write(_ bytes: RawSpan, on stream: HTTP2Stream) -> Bool {
    write(bytes, RawSpan(), on: stream)
  }

  /// Queues two pieces of body bytes, the one after the other.
  public mutating func write(
    _ first: RawSpan, _ second: RawSpan, on stream: HTTP2Stream
  ) -> Bool {
    guard isOpen(stream) else { return true }
    let hasRoom = state.pointee.appendBody(first, second, stream.slot)
    resume(stream)
    return hasRoom
  }

  /// Ends this side of a stream after the bytes queued, with trailers or without.
  ///
  /// When a server ends a stream whose request goes on, the stream is then reset with NO_ERROR.
  public mutating func finish(_ stream: HTTP2Stream, trailers: HeaderBlock? = nil) {
    finish(stream, trailers.map { .trailers($0) } ?? .plain)
  }

  /// As the other, with constant trailers, which are not copied.
  public mutating func finish(_ stream: HTTP2Stream, trailers: StaticHeaders) {
    finish(stream, .constantTrailers(trailers))
  }

  private func finish(_ stream: HTTP2Stream, _ end: OutboundBody.End) {
    guard isOpen(stream), state.pointee.streams.slots[stream.slot].body.isOpen else { return }
    state.pointee.streams.slots[stream.slot].body.end = end
    resume(stream)
  }

  /// Ends this side of a stream at once, after `respond` and also after `finish`: the bytes queued are
  /// not sent, the trailers do not wait for the peer's window.
  public mutating func cutOff(_ stream: HTTP2Stream, trailers: HeaderBlock) {
    guard isOpen(stream) else { return }
    state.pointee.cutOffBody(stream.slot)
    _ = trailers.withNameValues {
      nghttp2_submit_trailer(session, stream.id, $0.baseAddress, $0.count)
    }
  }

  private func resume(_ stream: HTTP2Stream) {
    guard state.pointee.streams.slots[stream.slot].body.isDeferred else { return }
    state.pointee.streams.slots[stream.slot].body.isDeferred = false
    _ = nghttp2_session_resume_data(session, stream.id)
  }

  /// Ends a stream at once (RST_STREAM); what is queued for it is not sent.
  public mutating func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    guard isOpen(stream) else { return }
    state.pointee.cutOffBody(stream.slot)
    _ = nghttp2_submit_rst_stream(session, 0, stream.id, code.rawValue)
  }

  // MARK: The connection

  /// Whether the stream is not over.
  public func isOpen(_ stream: HTTP2Stream) -> Bool { state.pointee.streams.holds(stream) }

  /// The streams that are not over.
  public var openStreams: Int { state.pointee.streams.openCount }

  /// How many more streams the peer lets a client open now.
  public var availableStreams: Int {
    guard nghttp2_session_check_request_allowed(session) != 0 else { return 0 }
    let allowed = nghttp2_session_get_remote_settings(
      session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    return max(0, Int(allowed) - openStreams)
  }

  /// The number of the frame or header block that the peer has begun and not ended; nil: there is none,
  /// or the connection's preface has not come yet.
  public var frameUnderWay: Int? { state.pointee.frames.underWay }

  /// Bytes of bodies that the peer may send now, on all streams together.
  public var receiveWindow: Int { Int(nghttp2_session_get_local_window_size(session)) }

  /// Bytes queued for sending on a stream, without those already framed.
  public func queuedBytes(on stream: HTTP2Stream) -> Int {
    isOpen(stream) ? state.pointee.streams.slots[stream.slot].body.count : 0
  }

  /// Body bytes that all streams hold: received and not consumed, and queued for sending.
  public var heldBytes: (received: Int, queued: Int) {
    (state.pointee.heldReceived, state.pointee.heldQueued)
  }

  /// Nothing will be read or sent any more: the connection can be closed.
  public var isFinished: Bool {
    nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
  }

  /// Sends a PING; its answer is `.pong` with the same number.
  public mutating func ping(_ number: UInt64) {
    withUnsafeBytes(of: number.bigEndian) { bytes in
      _ = nghttp2_submit_ping(
        session, 0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Asks the peer to open no more streams, but still takes those under way (first GOAWAY, §6.8).
  public mutating func announceShutdown() { _ = nghttp2_submit_shutdown_notice(session) }

  /// Refuses streams that come from now on; those open go on (last GOAWAY, §6.8).
  public mutating func refuseNewStreams() {
    _ = nghttp2_submit_goaway(
      session, 0, nghttp2_session_get_last_proc_stream_id(session), 0, nil, 0)
  }

  /// Refuses streams as `refuseNewStreams` does, and says why: for the user to close after it.
  public mutating func goAway(_ code: HTTP2ErrorCode, _ debugData: StaticString) {
    _ = nghttp2_submit_goaway(
      session, 0, nghttp2_session_get_last_proc_stream_id(session), code.rawValue,
      debugData.utf8Start, debugData.utf8CodeUnitCount)
  }

  /// Ends the connection: a GOAWAY with this code, then nothing.
  public mutating func terminate(_ code: HTTP2ErrorCode) {
    _ = nghttp2_session_terminate_session(session, code.rawValue)
  }
}
