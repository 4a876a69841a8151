import HTTP2
import Testing

@Suite("A hostile peer")
struct HostilePeerTests {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = [])
    -> [UInt8]
  {
    let length = payload.count
    let header: [UInt8] = [
      UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff), type, flags,
    ]
    return header + Self.big(stream) + payload
  }

  private static func big(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
  }

  /// HPACK for POST, http, path "/" and authority "a".
  static let tinyRequest: [UInt8] = [0x83, 0x86, 0x84, 0x01, 0x01, 0x61]

  /// One step of an attack; the number is the count of the steps before.
  struct Attack: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var opening: [UInt8] = []
    var step: @Sendable (UInt32) -> [UInt8]
  }

  static let openStream = frame(1, flags: 4, stream: 1, tinyRequest)

  static let floods: [Attack] = [
    Attack(testDescription: "pings") { _ in frame(6, [0, 0, 0, 0, 0, 0, 0, 0]) },
    Attack(testDescription: "ping answers nobody asked for") { _ in
      frame(6, flags: 1, [0, 0, 0, 0, 0, 0, 0, 0])
    },
    Attack(testDescription: "settings") { _ in frame(4) },
    Attack(testDescription: "priorities") { number in
      frame(2, stream: 2 * number + 1, [0, 0, 0, 0, 1])
    },
    Attack(testDescription: "window updates") { _ in frame(8, [0, 0, 0, 1]) },
    Attack(testDescription: "frames of no known type") { _ in frame(0xee, [1, 2, 3]) },
    Attack(testDescription: "empty data", opening: openStream) { _ in frame(0, stream: 1) },
    Attack(
      testDescription: "empty data on a closed stream",
      opening: openStream + frame(3, stream: 1, [0, 0, 0, 8])
    ) { _ in
      frame(0, stream: 1)
    },
    Attack(testDescription: "data of padding alone", opening: openStream) { _ in
      frame(0, flags: 8, stream: 1, [0])
    },
    Attack(
      testDescription: "data on a closed stream",
      opening: openStream + frame(3, stream: 1, [0, 0, 0, 8])
    ) { _ in
      frame(0, stream: 1, [0])
    },
    Attack(testDescription: "streams, and no settings acknowledged") { number in
      frame(1, flags: 4, stream: 2 * number + 1, tinyRequest)
    },
    Attack(testDescription: "malformed requests") { number in
      frame(1, flags: 5, stream: 2 * number + 1, [0x83])
    },
    Attack(testDescription: "malformed requests among useful data", opening: openStream) { number in
      frame(0, stream: 1, [0]) + frame(0, stream: 1, [0]) + frame(0, stream: 1, [0])
        + frame(1, flags: 5, stream: 2 * number + 3, [0x83])
    },
    Attack(testDescription: "streams that we are made to reset") { number in
      frame(1, flags: 4, stream: 2 * number + 1, tinyRequest)
        + frame(0, stream: 2 * number + 1, [0])
        + frame(8, stream: 2 * number + 1, [0x7f, 0xff, 0xff, 0xff])
    },
    Attack(testDescription: "continuations", opening: frame(1, stream: 1, tinyRequest)) { _ in
      frame(9, stream: 1)
    },
    Attack(testDescription: "rapid reset") { number in
      frame(1, flags: 5, stream: 2 * number + 1, tinyRequest)
        + frame(3, stream: 2 * number + 1, [0, 0, 0, 8])
    },
  ]

  @Test(
    "A flood ends the connection within a bound, whether or not the answers are read",
    arguments: floods, [true, false])
  func flood(_ attack: Attack, isRead: Bool) throws {
    let server = try Peer(.server)
    try server.hear((Self.preface + Self.frame(4) + attack.opening)[...])
    var steps: UInt32 = 0
    do {
      while !server.isFinished {
        if steps == 6_000 { break }
        try server.hear(attack.step(steps)[...])
        if isRead { _ = try server.output() }
        steps += 1
      }
    } catch is HTTP2Error {
      // Disconnected.
    }
    #expect(try server.output().count < 64 << 10, "what waits is bounded too")
    #expect(server.isFinished, "still connected after \(steps) steps")
    #expect(steps >= 8, "a peer that does a little of this is no attacker")
  }

  @Test("When a connection ends within a piece of input, nothing that is left names its bytes")
  func dataBeforeTheEnd() throws {
    let server = try Peer(.server)
    let useful = Self.openStream + Self.frame(0, stream: 1, [1, 2, 3])
    let malformed = (1...1_500).flatMap {
      Self.frame(1, flags: 5, stream: 2 * $0 + 1, [0x83]) + Self.frame(0, stream: 1, [1])
    }
    #expect(throws: HTTP2Error.self) {
      try server.hear((Self.preface + Self.frame(4) + useful + malformed)[...])
    }
    var rest: [HTTP2Event] = []
    while let event = server.session.nextEvent() { rest.append(event) }
    #expect(!rest.isEmpty)
    #expect(!rest.contains { if case .data = $0 { true } else { false } })
  }

  @Test("Traffic that moves calls forward may have as many pings and window updates as it likes")
  func busyPeerIsNoFlood() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let stream = try client.session.open(request)
    for round in 0..<5_000 {
      client.session.ping(UInt64(round))
      _ = client.say("x", on: stream)
      try server.hear(try client.output()[...])
      let back = try server.output()
      try client.hear(back[...])
    }
    #expect(!server.isFinished)
  }

  @Test("Very many small frames in one piece of input are no flood if they bring something")
  func manySmallFrames() throws {
    let server = try Peer(.server)
    let piece = (0..<10_000).flatMap { _ in Self.frame(0, stream: 1, [1]) }
    try server.hear((Self.preface + Self.frame(4) + Self.openStream + piece)[...])
    #expect(!server.isFinished)
    #expect(server.transcript.count == 2, "settings, headers, and one line of data to come")
  }

  @Test("Renewing the allowance keeps a quiet peer that only pings")
  func keepalive() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    for round in 0..<5_000 {
      client.session.ping(UInt64(round))
      try converse(client, server)
      server.session.renewAllowance()
      client.session.renewAllowance()
    }
    #expect(!server.isFinished && !client.isFinished)
  }

  @Test("A header list over the limit is thrown away and told; the next request is served")
  func largeHeaders() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    try converse(client, server)
    var large = request
    for number in 0..<20 {
      large.append(name: "x-\(number)".utf8, value: String(repeating: "v", count: 1_000).utf8)
    }
    _ = try client.session.open(large, ends: true)
    try converse(client, server)
    #expect(server.transcript.suffix(2) == ["1 headers too large", "1 end"])
    _ = try client.session.open(request, ends: true)
    try converse(client, server)
    #expect(server.transcript.suffix(2).first?.hasPrefix("3 headers :method=POST") == true)
    #expect(server.transcript.last == "3 end")
  }

  /// Single violations: the connection or the stream ends, and nothing else happens.
  static let violations: [(String, [UInt8])] = [
    ("data on stream 0", frame(0, stream: 0, [1])),
    ("an even stream id", frame(1, flags: 5, stream: 2, tinyRequest)),
    ("data on an idle stream", frame(0, stream: 5, [1])),
    ("a window update of 0", frame(8, [0, 0, 0, 0])),
    (
      "a window overflow", frame(8, [0x7f, 0xff, 0xff, 0xff]) + frame(8, [0x7f, 0xff, 0xff, 0xff])
    ),
    ("a frame over the size", frame(6, [UInt8](repeating: 0, count: 20_000))),
    ("an HPACK index out of the table", frame(1, flags: 5, stream: 1, [0xff, 0xff, 0xff, 0x7f])),
    ("an HPACK table over the limit", frame(1, flags: 5, stream: 1, [0x3f, 0xff, 0xff, 0x7f])),
    ("a push promise from a client", frame(5, flags: 4, stream: 1, [0, 0, 0, 2, 0x83])),
  ]

  @Test("A violation of the protocol ends the connection", arguments: violations)
  func violation(_ name: String, _ bytes: [UInt8]) throws {
    let server = try Peer(.server)
    try server.hear((Self.preface + Self.frame(4))[...])
    _ = try? server.hear(bytes[...])
    _ = try server.output()
    #expect(server.isFinished, "\(name): \(server.transcript)")
  }

  @Test("Another protocol's first bytes are refused at once")
  func wrongPreface() throws {
    let server = try Peer(.server)
    #expect(throws: HTTP2Error.self) {
      try server.hear(Array("GET / HTTP/1.1\r\nHost: here\r\n\r\n".utf8)[...])
    }
  }

  @Test(
    "Malformed requests close their stream and no other", arguments: ["X-Upper", "a b", ":path"])
  func malformedField(name: String) throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    var bad = request
    bad.append(name: name.utf8, value: "v".utf8)
    _ = try client.session.open(bad, ends: true)
    try converse(client, server)
    let good = try client.session.open(request, ends: true)
    try converse(client, server)
    #expect(server.transcript.last == "\(good.id) end")
  }

  @Test("Random bytes end in an error or in silence, never in a trap", arguments: 0..<300)
  func random(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let server = try Peer(.server)
    try server.hear((Self.preface + Self.frame(4))[...])
    try feed(server, &generator) { generator in
      let size = Int.random(in: 0...60, using: &generator)
      let payload = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
      return Self.frame(
        UInt8.random(in: 0...10, using: &generator),
        flags: UInt8.random(in: 0...255, using: &generator),
        stream: UInt32.random(in: 0...9, using: &generator), payload)
    }
  }

  @Test("A good conversation with flipped bytes ends in an error or goes on", arguments: 0..<300)
  func mutated(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let client = try Peer(.client)
    let stream = try client.session.open(request)
    _ = client.say("a body of some length", on: stream)
    client.session.finish(stream, trailers: trailers)
    let bytes = try client.output()
    let server = try Peer(.server)
    try feed(server, &generator, times: 1) { generator in
      var copy = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 24..<copy.count, using: &generator)
        copy[index] = UInt8.random(in: 0...255, using: &generator)
      }
      return copy
    }
  }

  /// Feeds a server until it has enough; it answers all it can on the way.
  private func feed(
    _ server: Peer, _ generator: inout SeededGenerator, times: Int = 200,
    _ make: (inout SeededGenerator) -> [UInt8]
  ) throws {
    for _ in 0..<times where !server.isFinished {
      do {
        try server.hear(make(&generator)[...])
      } catch {
        _ = try server.output()
        #expect(server.isFinished)
        return
      }
      for stream in server.streams {
        try? server.session.respond(on: stream, response)
        _ = server.say("answer", on: stream)
        server.session.finish(stream, trailers: trailers)
      }
      _ = try server.output()
    }
  }
}
