import HTTP2
import Testing

@Suite("Flow control")
struct FlowControlTests {
  @Test("A writer is told to wait past the high-water mark, and to go on once half is gone")
  func highWater() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    try converse(client, server)
    let stream = try client.session.open(request)
    let piece = [UInt8](repeating: 7, count: 40 << 10)
    #expect(client.write(piece, on: stream))
    #expect(!client.write(piece, on: stream))
    #expect(client.queuedBytes(on: stream) == 80 << 10)
    try converse(client, server)
    #expect(client.transcript.last == "1 writable")
    #expect(client.queuedBytes(on: stream) == 0)
  }

  @Test("A peer that does not consume gets no more than the stream's window")
  func window() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 100_000
    let client = try Peer(.client)
    let server = try Peer(.server, limits: limits)
    try converse(client, server)
    let stream = try client.session.open(request)
    let piece = [UInt8](repeating: 7, count: 250_000)
    #expect(!client.write(piece, on: stream))
    var received = try silently(client, server)
    #expect(received >= 100_000 && received < 100_300, "\(received) bytes came")
    #expect(client.queuedBytes(on: stream) == 150_000)

    let heard = try #require(server.streams.first)
    server.session.consume(100_000, on: heard)
    try client.hear(try server.output()[...])
    received = try silently(client, server)
    #expect(received >= 100_000 && received < 100_300, "\(received) bytes came")
    #expect(client.queuedBytes(on: stream) == 50_000)
  }

  @Test("Bytes nobody consumed are given back to the connection when their stream is closed")
  func connectionWindow() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 100_000
    limits.connectionWindow = 150_000
    let client = try Peer(.client)
    let server = try Peer(.server, limits: limits)
    try converse(client, server)
    let piece = [UInt8](repeating: 7, count: 100_000)
    for round in 0..<10 {
      let stream = try client.session.open(request)
      _ = client.write(piece, on: stream)
      let received = try silently(client, server)
      #expect(received >= 100_000, "round \(round): only \(received) bytes came")
      #expect(server.session.heldBytes.received == 100_000)
      client.session.reset(stream, .cancel)
      try converse(client, server)
      #expect(server.session.heldBytes == (0, 0))
    }
  }

  @Test("Bytes that a stream's end leaves unsent are held no longer")
  func abandonedBytes() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let stream = try client.session.open(request)
    try converse(client, server)
    let theirs = try #require(server.streams.first)
    try server.session.respond(on: theirs, response)
    _ = server.write([UInt8](repeating: 7, count: 3_000_000), on: theirs)
    _ = try silently(server, client)
    #expect(server.session.heldBytes.queued > 0)
    client.session.reset(stream, .cancel)
    try converse(client, server)
    #expect(server.session.heldBytes == (0, 0))
  }

  @Test("Consuming more than came is cut to what came")
  func overConsume() throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let stream = try client.session.open(request)
    _ = client.say("x", on: stream)
    try server.hear(try client.output()[...], consumes: false)
    let heard = try #require(server.streams.first)
    server.session.consume(.max, on: heard)
    server.session.consume(.max, on: heard)
    try converse(client, server)
    #expect(!client.isFinished && !server.isFinished)
  }

  @Test("A large body comes whole, whatever the windows", arguments: [1, 70_000, 3_000_000])
  func largeBody(size: Int) throws {
    let client = try Peer(.client)
    let server = try Peer(.server)
    let stream = try client.session.open(request)
    var generator = SeededGenerator(seed: UInt64(size))
    let body = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
    _ = client.write(body, on: stream)
    client.session.finish(stream)
    try converse(client, server)
    let sum = body.reduce(0) { $0 &* 31 &+ Int($1) }
    #expect(server.transcript.contains("1 data \(size) \(sum)"))
    #expect(server.transcript.last == "1 end")
  }

  /// Carries bytes to a server that consumes nothing; returns how many.
  private func silently(_ client: Peer, _ server: Peer) throws -> Int {
    let bytes = try client.output()
    try server.hear(bytes[...], consumes: false)
    let back = try server.output()
    if !back.isEmpty { try client.hear(back[...]) }
    return bytes.count
  }
}
