import HTTP2
import Testing

@Suite("A conversation of a client session and a server session")
struct ConversationTests {
  /// Never freed, so that it is made once.
  private static let staticResponse = StaticHeaders(response)

  @Test("A request with a body and an answer with trailers are heard as they were said")
  func unary() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let stream = try client.session.open(request)
    #expect(client.say("question", on: stream))
    client.session.finish(stream)
    try converse(client, server)
    let heard = try #require(server.streams.first)
    try server.session.respond(on: heard, Self.staticResponse)
    #expect(server.say("answer", on: heard))
    server.session.finish(heard, trailers: trailers)
    try converse(client, server)

    #expect(
      server.transcript.map { $0.prefix(9) }
        == ["settings", "1 headers", "1 data 8 ", "1 end", "1 closed "])
    #expect(
      client.transcript == [
        "settings", "1 headers :status=200 content-type=application/grpc",
        "1 data 6 \(Array("answer".utf8).reduce(0) { $0 &* 31 &+ Int($1) })",
        "1 headers grpc-status=0", "1 end", "1 closed 0",
      ])
    #expect(server.openStreams == 0 && client.openStreams == 0)
  }

  @Test("An answer of headers alone ends the stream")
  func headersOnly() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    _ = try client.session.open(request, ends: true)
    try converse(client, server)
    try server.session.respond(on: try #require(server.streams.first), response, ends: true)
    try converse(client, server)
    #expect(client.transcript.suffix(2) == ["1 end", "1 closed 0"])
    #expect(server.transcript.last == "1 closed 0")
  }

  @Test("A body may be written in pieces while the conversation goes on, both ways")
  func bidirectional() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let mine = try client.session.open(request)
    try converse(client, server)
    let theirs = try #require(server.streams.first)
    try server.session.respond(on: theirs, response)
    for round in 0..<10 {
      _ = client.say("ping \(round)", on: mine)
      try converse(client, server)
      _ = server.say("pong \(round)", on: theirs)
      try converse(client, server)
    }
    client.session.finish(mine)
    server.session.finish(theirs, trailers: trailers)
    try converse(client, server)
    #expect(server.transcript.contains { $0.hasPrefix("1 data 60 ") })
    #expect(client.transcript.contains { $0.hasPrefix("1 data 60 ") })
    #expect(client.transcript.last == "1 closed 0")
  }

  @Test("Either side's reset closes the stream on both with its code", arguments: [true, false])
  func reset(byClient: Bool) throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let mine = try client.session.open(request)
    try converse(client, server)
    let theirs = try #require(server.streams.first)
    if byClient {
      client.session.reset(mine, .cancel)
    } else {
      server.session.reset(theirs, .cancel)
    }
    try converse(client, server)
    #expect(client.transcript.last == "1 closed 8")
    #expect(server.transcript.last == "1 closed 8")
    // The slot is another stream's now, or nobody's: late submissions do nothing.
    #expect(server.say("late", on: theirs))
    server.session.finish(theirs)
    server.session.consume(10, on: theirs)
    #expect(try server.output().isEmpty)
  }

  @Test("A request withdrawn before it was sent is closed, and nothing of it is sent")
  func withdrawn() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let stream = try client.session.open(request)
    client.session.reset(stream, .cancel)
    try converse(client, server)
    #expect(client.transcript.contains("1 closed 8"))
    #expect(client.openStreams == 0)
    #expect(!server.transcript.contains { $0.hasPrefix("1 headers") })
  }

  @Test("A server that answers early resets the stream with NO_ERROR, after the answer")
  func earlyAnswer() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    _ = try client.session.open(request)
    try converse(client, server)
    let theirs = try #require(server.streams.first)
    try server.session.respond(on: theirs, response)
    _ = server.say("no", on: theirs)
    server.session.finish(theirs, trailers: trailers)
    try converse(client, server)
    #expect(client.transcript.suffix(3) == ["1 headers grpc-status=0", "1 end", "1 closed 0"])
    #expect(server.openStreams == 0)
  }

  @Test("A cut-off end overtakes what waits for the window", arguments: [false, true])
  func cutOff(finishedBefore: Bool) throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 70_000
    let client = try Peer(.client, limits: limits)
    let server = try Peer(.server)
    _ = try client.session.open(request, ends: true)
    try converse(client, server)
    let theirs = try #require(server.streams.first)
    try server.session.respond(on: theirs, response)
    _ = server.write([UInt8](repeating: 1, count: 200_000), on: theirs)
    try client.hear(try server.output()[...], consumes: false)
    if finishedBefore { server.session.finish(theirs) }
    server.session.cutOff(theirs, trailers: trailers)
    try client.hear(try server.output()[...], consumes: false)
    #expect(client.transcript.suffix(3) == ["1 headers grpc-status=0", "1 end", "1 closed 0"])
    #expect(
      client.transcript.contains { $0.hasPrefix("1 data 65535 ") || $0.hasPrefix("1 data 70000 ") })
  }

  @Test("A client learns how many streams it may open, and one more is refused")
  func concurrency() throws {
    var limits = HTTP2Limits()
    limits.concurrentStreams = 2
    let client = try Peer(.client)
    let server = try Peer(.server, limits: limits)
    try converse(client, server)
    #expect(client.availableStreams == 2)
    let first = try client.session.open(request)
    _ = try client.session.open(request)
    try converse(client, server)
    #expect(client.availableStreams == 0)
    client.session.reset(first, .cancel)
    try converse(client, server)
    #expect(client.availableStreams == 1)
    #expect(server.openStreams == 1)
  }

  @Test("Shutting down lets the open stream finish, refuses new ones, then both are finished")
  func shutdown() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    _ = try client.session.open(request, ends: true)
    try converse(client, server)
    let open = try #require(server.streams.first)
    server.session.announceShutdown()
    try converse(client, server)
    #expect(client.transcript.last == "go away \(Int32.max) 0")
    #expect(client.availableStreams == 0)
    server.session.refuseNewStreams()
    try converse(client, server)
    #expect(client.transcript.last == "go away 1 0")
    #expect(throws: HTTP2Error.self) { _ = try client.session.open(request) }
    try server.session.respond(on: open, response, ends: true)
    try converse(client, server)
    #expect(client.transcript.last == "1 closed 0")
    #expect(server.isFinished && client.isFinished)
  }

  @Test("A slot is not another stream's before the old stream's last event was heard")
  func slots() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let first = try client.session.open(request, ends: true)
    let second = try client.session.open(request, ends: true)
    try server.hear(try client.output()[...])
    for stream in server.streams { try server.session.respond(on: stream, response, ends: true) }
    let bytes = try server.output()
    try client.session.receive(bytes.span.bytes)
    var reused: [Int] = []
    var open: Set = [first, second]
    while let event = client.session.nextEvent() {
      guard case .closed(let stream, _) = event else { continue }
      open.remove(stream)
      let next = try client.session.open(request, ends: true)
      #expect(!open.contains { $0.slot == next.slot })
      reused.append(next.slot)
    }
    #expect(Set(reused) == [first.slot, second.slot])
  }

  @Test("What is done to a stream that is over does not touch the next one in its slot")
  func overStream() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let over = try client.session.open(request)
    client.session.reset(over, .cancel)
    try converse(client, server)
    let next = try client.session.open(request)
    #expect(next.slot == over.slot)
    let isOpen = client.session.isOpen(over)
    #expect(!isOpen)
    #expect(client.say("not mine", on: over))
    client.session.finish(over)
    client.session.reset(over, .cancel)
    #expect(client.queuedBytes(on: next) == 0)
    #expect(client.say("mine", on: next))
    client.session.finish(next)
    try converse(client, server)
    #expect(server.transcript.contains { $0.hasPrefix("\(next.id) data 4 ") })
  }

  @Test("A ping is answered with its number")
  func ping() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    server.session.ping(0x0102_0304_0506_0708)
    try converse(server, client)
    #expect(server.transcript.contains("pong \(0x0102_0304_0506_0708)"))
  }

  @Test("What a server hears does not depend on where the bytes are split")
  func splits() throws {
    let bytes = try recorded()
    let whole = try heard(bytes, splitAt: bytes.count)
    #expect(whole.count >= 8, "the conversation is too small to mean something: \(whole)")
    for position in 0..<bytes.count {
      #expect(try heard(bytes, splitAt: position) == whole, "split at \(position)")
    }
    #expect(try heardByteByByte(bytes) == whole)
  }

  /// A client's side of a conversation: two calls, one with trailers, one reset.
  private func recorded() throws -> [UInt8] {
    let client = try Peer(.client)
    let first = try client.session.open(request)
    _ = client.say("some body", on: first)
    let second = try client.session.open(request)
    var bytes = try client.output()
    _ = client.say("another body", on: second)
    client.session.finish(first, trailers: trailers)
    bytes += try client.output()
    client.session.reset(second, .cancel)
    client.session.ping(7)
    return bytes + (try client.output())
  }

  private func heard(_ bytes: [UInt8], splitAt position: Int) throws -> [String] {
    let server = try Peer(.server)
    try server.hear(bytes[..<position])
    try server.hear(bytes[position...])
    return server.transcript
  }

  private func heardByteByByte(_ bytes: [UInt8]) throws -> [String] {
    let server = try Peer(.server)
    for index in bytes.indices { try server.hear(bytes[index...index]) }
    return server.transcript
  }

  @Test("A field that is not indexed is sent in full again, and pushes no other out")
  func notIndexed() throws {
    var client = try HTTP2Session(role: .client)
    _ = try client.transmit { _ in }
    var lengths: [Int] = []
    for number in 0..<200 {
      var block = HeaderBlock([
        ":method": "POST", ":scheme": "http", ":path": "/a.long.path/that.is.indexed",
        ":authority": "localhost",
      ])
      let value = Array("\(number + 1_000_000)".utf8)
      block.append(name: "x-changes".utf8.span, value: value.span, isIndexed: false)
      _ = try client.open(block, ends: true)
      var sent = 0
      _ = try client.transmit { sent += $0.byteCount }
      lengths.append(sent)
    }
    // What was indexed once stays a byte; the other value comes whole each time.
    #expect(Set(lengths.dropFirst()).count <= 2)
    #expect(lengths[199] < lengths[0] - 20)
  }
}
