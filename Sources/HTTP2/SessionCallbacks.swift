import CNGHTTP2

/// The functions that the library calls: each writes to the `SessionState` and runs nobody's code.
enum SessionCallbacks {
  fileprivate typealias State = UnsafeMutablePointer<SessionState>

  fileprivate static func state(_ userData: UnsafeMutableRawPointer?) -> State {
    // SAFETY: `HTTP2Session` gives the library the address of its own state, which it frees after the session.
    userData!.assumingMemoryBound(to: SessionState.self)
  }

  /// Registers every function.
  static func register(_ callbacks: OpaquePointer?) {
    registerReceiving(callbacks)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
      session, id, code, userData in
      let state = SessionCallbacks.state(userData)
      if let stream = state.pointee.stream(id, in: session) {
        let unread = state.pointee.closed(stream, HTTP2ErrorCode(rawValue: code))
        if unread > 0 { _ = nghttp2_session_consume_connection(session, unread) }
      }
      return 0
    }
  }

  /// A server that has ended its answer reads no more of the request (RFC 9113 §8.1), and counts the
  /// streams that it resets.
  static func registerAbandoning(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, userData in
      if let frame, UInt32(frame.pointee.hd.type) == NGHTTP2_RST_STREAM.rawValue,
        frame.pointee.rst_stream.error_code != 0
      {
        SessionCallbacks.state(userData).pointee.faults.idle()
      }
      guard let header = frame?.pointee.hd,
        UInt32(header.flags) & UInt32(NGHTTP2_FLAG_END_STREAM.rawValue) != 0,
        UInt32(header.type) <= NGHTTP2_HEADERS.rawValue,  // DATA or HEADERS
        nghttp2_session_get_stream_remote_close(session, header.stream_id) == 0
      else { return 0 }
      return nghttp2_submit_rst_stream(session, 0, header.stream_id, 0)
    }
  }

  private static func registerReceiving(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, userData in
      SessionCallbacks.state(userData).pointee.flood.idle()
      return 0
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { session, frame, userData in
      let state = SessionCallbacks.state(userData)
      state.pointee.headersBegin()
      guard let frame, frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else { return 0 }
      let id = frame.pointee.hd.stream_id
      let stream = state.pointee.streams.open(id)
      return nghttp2_session_set_stream_user_data(session, id, SessionState.mark(stream.slot))
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, _, name, nameLength, value, valueLength, _, userData in
      SessionCallbacks.state(userData).pointee.header(
        name: UnsafeBufferPointer(start: name, count: nameLength),
        value: UnsafeBufferPointer(start: value, count: valueLength))
      return 0
    }
    // By itself the library drops a field that no HTTP allows, and goes on; the whole is malformed
    // (RFC 9113 §8.2.1), and a call must not be made without a part of its head.
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) {
      _, _, _, _, _, _, _, _ in
      NGHTTP2Error.temporalFailure
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      session, _, id, bytes, count, userData in
      let state = SessionCallbacks.state(userData)
      guard let stream = state.pointee.stream(id, in: session) else {
        return nghttp2_session_consume_connection(session, count)
      }
      let chunk = UnsafeRawBufferPointer(start: bytes, count: count)
      return state.pointee.data(stream, chunk) ? 0 : NGHTTP2Error.callbackFailure
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, userData in
      if let frame {
        SessionCallbacks.received(frame.pointee, session, SessionCallbacks.state(userData))
      }
      return 0
    }
  }

  fileprivate static func received(
    _ frame: nghttp2_frame, _ session: OpaquePointer?, _ state: State
  ) {
    let acknowledges = UInt32(frame.hd.flags) & UInt32(NGHTTP2_FLAG_ACK.rawValue) != 0
    switch UInt32(frame.hd.type) {
    case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
      guard let stream = state.pointee.stream(frame.hd.stream_id, in: session) else { return }
      let ends = UInt32(frame.hd.flags) & UInt32(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if UInt32(frame.hd.type) == NGHTTP2_HEADERS.rawValue {
        state.pointee.headersEnd(stream, ends: ends)
      }
      if ends { state.pointee.events.append(.end(stream)) }
    case NGHTTP2_GOAWAY.rawValue:
      state.pointee.events.append(
        .goAway(
          lastStream: frame.goaway.last_stream_id,
          HTTP2ErrorCode(rawValue: frame.goaway.error_code)))
    case NGHTTP2_SETTINGS.rawValue where !acknowledges:
      state.pointee.events.append(.settings)
    case NGHTTP2_PING.rawValue where acknowledges:
      let opaque = withUnsafeBytes(of: frame.ping.opaque_data) { $0.loadUnaligned(as: UInt64.self) }
      state.pointee.events.append(.pong(UInt64(bigEndian: opaque)))
    case NGHTTP2_PING.rawValue:
      state.pointee.events.append(.ping)
    default: break
    }
  }

  /// Where DATA frames come from: the slot's queue.
  static func bodySource(_ stream: HTTP2Stream) -> nghttp2_data_provider {
    var provider = nghttp2_data_provider()
    provider.source.fd = Int32(truncatingIfNeeded: stream.slot)
    provider.read_callback = { session, id, buffer, length, flags, source, userData in
      guard let buffer, let flags, let source else { return Int(NGHTTP2Error.callbackFailure) }
      let state = SessionCallbacks.state(userData)
      let stream = HTTP2Stream(id: id, slot: Int(source.pointee.fd))
      guard state.pointee.streams.holds(stream) else { return Int(NGHTTP2Error.temporalFailure) }
      let target = UnsafeMutableRawBufferPointer(start: buffer, count: length)
      let (taken, left) = state.pointee.takeBody(stream, into: target)
      guard left == 0 else { return taken }
      switch state.pointee.streams.slots[stream.slot].body.end {
      case .open, .cutOff:
        if taken > 0 { return taken }
        state.pointee.streams.slots[stream.slot].body.isDeferred = true
        return NGHTTP2Error.deferred
      case .plain:
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
      case .trailers(let block):
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
        let failure = block.withNameValues {
          nghttp2_submit_trailer(session, id, $0.baseAddress, $0.count)
        }
        if failure != 0 { return Int(NGHTTP2Error.temporalFailure) }
      case .constantTrailers(let headers):
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
        flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
        let fields = headers.fields
        if nghttp2_submit_trailer(session, id, fields.baseAddress, fields.count) != 0 {
          return Int(NGHTTP2Error.temporalFailure)
        }
      }
      return taken
    }
    return provider
  }
}
