import HTTP2

/// One end of a conversation in memory, which writes down what it hears.
final class Peer {
  var session: HTTP2Session
  /// What happened, one line an event; adjacent data of a stream is one line.
  private(set) var transcript: [String] = []
  private(set) var streams: [HTTP2Stream] = []
  private var body: (stream: HTTP2Stream, bytes: [UInt8])?

  init(_ role: HTTP2Session.Role, limits: HTTP2Limits = HTTP2Limits()) throws {
    session = try HTTP2Session(role: role, limits: limits)
  }

  /// Everything that waits to be sent.
  func output() throws -> [UInt8] {
    var bytes: [UInt8] = []
    let more = try session.transmit { frame in
      frame.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    precondition(!more)
    note([])
    return bytes
  }

  /// Reads a piece of input; with `consumes`, body bytes are given back at once.
  func hear(_ piece: ArraySlice<UInt8>, consumes: Bool = true) throws {
    let input = Array(piece)
    try session.receive(input.span.bytes)
    note(input, consumes: consumes)
  }

  private func note(_ input: [UInt8], consumes: Bool = true) {
    while let event = session.nextEvent() {
      if case .data(let stream, let range) = event {
        if body?.stream != stream { endBody() }
        body = (stream, (body?.bytes ?? []) + input[range])
        if consumes { session.consume(range.count, on: stream) }
        continue
      }
      // Settings and pings may come between two pieces of one body.
      if case .settings = event {} else { endBody() }
      transcript.append(describe(event))
    }
  }

  private func endBody() {
    guard let (stream, bytes) = body else { return }
    transcript.append("\(stream.id) data \(bytes.count) \(bytes.reduce(0) { $0 &* 31 &+ Int($1) })")
    body = nil
  }

  private func describe(_ event: HTTP2Event) -> String {
    switch event {
    case .headers(let stream, let block, _):
      if !streams.contains(stream) { streams.append(stream) }
      var text = "\(stream.id) headers"
      block.forEachField { name, value in
        text += " " + Self.text(name) + "=" + Self.text(value)
      }
      return text
    case .headersTooLarge(let stream): return "\(stream.id) headers too large"
    case .data: return ""
    case .end(let stream): return "\(stream.id) end"
    case .writable(let stream): return "\(stream.id) writable"
    case .closed(let stream, let code): return "\(stream.id) closed \(code.rawValue)"
    case .goAway(let last, let code): return "go away \(last) \(code.rawValue)"
    case .settings: return "settings"
    case .ping: return "ping"
    case .pong(let number): return "pong \(number)"
    }
  }

  private static func text(_ span: Span<UInt8>) -> String {
    span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

/// Carries bytes between two ends until both are silent.
func converse(_ a: Peer, _ b: Peer) throws {
  while true {
    let there = try a.output()
    if !there.isEmpty { try b.hear(there[...]) }
    let back = try b.output()
    if !back.isEmpty { try a.hear(back[...]) }
    if there.isEmpty, back.isEmpty { return }
  }
}

let request: HeaderBlock = HeaderBlock([
  ":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "here",
  "content-type": "application/grpc", "te": "trailers",
])
let response = HeaderBlock([":status": "200", "content-type": "application/grpc"])
let trailers = HeaderBlock(["grpc-status": "0"])

extension Peer {
  var isFinished: Bool { session.isFinished }
  var openStreams: Int { session.openStreams }
  var availableStreams: Int { session.availableStreams }

  func queuedBytes(on stream: HTTP2Stream) -> Int { session.queuedBytes(on: stream) }

  /// Whether the writer may go on.
  func write(_ bytes: [UInt8], on stream: HTTP2Stream) -> Bool {
    session.write(bytes.span.bytes, on: stream)
  }

  func say(_ text: String, on stream: HTTP2Stream) -> Bool { write(Array(text.utf8), on: stream) }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    var x = state
    x = (x ^ (x >> 33)) &* 0xff51_afd7_ed55_8ccd
    return x ^ (x >> 33)
  }
}
