import HTTP2

/// A session takes any bytes: it goes on, or it ends and says so; events come in an order that makes
/// sense; what it holds is bounded by what it was given.
enum HTTP2Law {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

  /// The first byte of the input says in which pieces the rest is fed.
  static func check(_ input: [UInt8], role: HTTP2Session.Role) throws(BrokenLaw) {
    guard let cut = input.first else { return }
    guard var session = try? HTTP2Session(role: role) else { return }
    var streams = Streams()
    if role == .client {
      let request = HeaderBlock([
        ":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "here",
      ])
      guard let stream = try? session.open(request) else { return }
      streams.open(stream)
      _ = session.write([1, 2, 3].span.bytes, on: stream)
    }
    let bytes = (role == .server ? preface : []) + input.dropFirst()
    let size = cut == 0 ? max(bytes.count, 1) : Int(cut)
    var offset = 0
    while offset < bytes.count, !session.isFinished {
      let piece = Array(bytes[offset..<min(offset + size, bytes.count)])
      offset += piece.count
      var failed = false
      do {
        try session.receive(piece.span.bytes)
      } catch {
        failed = true
      }
      try streams.note(&session, input: failed ? [] : piece, answers: role == .server)
      var sent = 0
      _ = try? session.transmit { sent += $0.byteCount }
      try streams.note(&session, input: [], answers: false)
      try law(sent < 1 << 20, "\(sent) bytes answer \(piece.count)")
      if failed {
        try law(session.isFinished, "a session that failed goes on")
        return
      }
    }
  }

  /// The streams that events have named.
  private struct Streams {
    private var bySlot: [Int: Int32] = [:]

    mutating func open(_ stream: HTTP2Stream) { bySlot[stream.slot] = stream.id }

    /// Takes the events, and answers requests that are whole.
    mutating func note(
      _ session: inout HTTP2Session, input: [UInt8], answers: Bool
    ) throws(BrokenLaw) {
      while let event = session.nextEvent() {
        switch event {
        case .headers(let stream, _, _), .headersTooLarge(let stream):
          if let other = bySlot[stream.slot] {
            try law(other == stream.id, "streams \(other) and \(stream.id) share a slot")
          }
          bySlot[stream.slot] = stream.id
          if answers, session.isOpen(stream) {
            try? session.respond(on: stream, HeaderBlock([":status": "200"]))
            _ = session.write([4, 5, 6].span.bytes, on: stream)
          }
        case .data(let stream, let range):
          try law(bySlot[stream.slot] == stream.id, "data on \(stream.id), which is not open")
          try law(range.upperBound <= input.count, "data outside of the input")
          session.consume(range.count, on: stream)
        case .end(let stream):
          try law(bySlot[stream.slot] == stream.id, "the end of \(stream.id), which is not open")
          if answers { session.finish(stream, trailers: HeaderBlock(["grpc-status": "0"])) }
        case .writable(let stream):
          try law(bySlot[stream.slot] == stream.id, "room on \(stream.id), which is not open")
        case .closed(let stream, _):
          // A request that is malformed is closed without having been named.
          let named = bySlot.removeValue(forKey: stream.slot) ?? stream.id
          try law(named == stream.id, "the close of \(stream.id), which is not open")
        case .goAway, .settings, .ping, .pong: break
        }
      }
    }
  }
}
