import GRPC
import GRPCTransport
import HTTP2
import NIOCore
import Testing

@Suite("A hostile client", .timeLimit(.minutes(1)))
struct HostileClientTests {
  static func headers(
    path: String = "/test.Echo/Say", method: String = "POST", type: String = "application/grpc",
    scheme: String = "http", _ more: KeyValuePairs<String, String> = [:]
  ) -> HeaderBlock {
    var block = HeaderBlock([
      ":method": method, ":scheme": scheme, ":path": path, ":authority": "here", "te": "trailers",
      "content-type": type,
    ])
    for (name, value) in more { block.append(name: name.utf8, value: value.utf8) }
    return block
  }

  /// A message with its prefix.
  static func framed(_ text: String, flag: UInt8 = 0, length: UInt32? = nil) -> [UInt8] {
    let length = length ?? UInt32(text.utf8.count)
    return [flag] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
      + Array(text.utf8)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var headers: HeaderBlock
    var body = framed("x")
    var http = "200"
    var status: StatusCode
  }

  static let refusals: [Refusal] = [
    Refusal(
      testDescription: "another content type", headers: headers(type: "application/json"),
      http: "415", status: .internal),
    Refusal(
      testDescription: "another method", headers: headers(method: "PUT"), http: "405",
      status: .internal),
    Refusal(
      testDescription: "an unknown path", headers: headers(path: "/test.Echo/None"),
      status: .unimplemented),
    Refusal(testDescription: "half a path", headers: headers(path: "/"), status: .unimplemented),
    Refusal(
      testDescription: "a timeout of nine digits",
      headers: headers(["grpc-timeout": "123456789S"]), status: .internal),
    Refusal(
      testDescription: "a timeout without a unit", headers: headers(["grpc-timeout": "10"]),
      status: .internal),
    Refusal(
      testDescription: "a negative timeout", headers: headers(["grpc-timeout": "-1S"]),
      status: .internal),
    Refusal(
      testDescription: "an unknown encoding", headers: headers(["grpc-encoding": "zip"]),
      status: .unimplemented),
    Refusal(
      testDescription: "metadata that is not base64", headers: headers(["x-bin": "%%%"]),
      status: .internal),
    Refusal(
      testDescription: "more metadata than 8 KiB",
      headers: headers(["x-long": String(repeating: "v", count: 9_000)]),
      status: .resourceExhausted),
    Refusal(
      testDescription: "more headers than 16 KiB",
      headers: headers(["x-long": String(repeating: "v", count: 20_000)]), http: "431",
      status: .resourceExhausted),
    Refusal(testDescription: "no message", headers: headers(), body: [], status: .unimplemented),
    Refusal(
      testDescription: "two messages", headers: headers(), body: framed("a") + framed("b"),
      status: .unimplemented),
    Refusal(
      testDescription: "a compressed message", headers: headers(), body: framed("a", flag: 1),
      status: .internal),
    Refusal(
      testDescription: "reserved flags", headers: headers(), body: framed("a", flag: 0x80),
      status: .internal),
    Refusal(
      testDescription: "a prefix that says 4 GiB", headers: headers(),
      body: framed("a", length: .max), status: .resourceExhausted),
  ]

  @Test(
    "What is not a call is refused with its status, and the server goes on", arguments: refusals)
  func refused(_ refusal: Refusal) async throws {
    try await Fixture.run { fixture in
      let answer = try await RawConnection.ask(
        fixture.server.endpoint, refusal.headers, body: refusal.body)
      #expect(answer.fields[":status"] == refusal.http)
      #expect(answer.status == "\(refusal.status.rawValue)", "\(answer.fields)")
      #expect(answer.code == .noError)
      let good = try await RawConnection.ask(
        fixture.server.endpoint, Self.headers(), body: Self.framed("good"))
      #expect(good.status == "0")
      #expect(good.body == Self.framed("good"))
    }
  }

  @Test("A refusal does not wait for the end of the request")
  func refusedEarly() async throws {
    try await Fixture.run { fixture in
      let answer = try await RawConnection.ask(
        fixture.server.endpoint, Self.headers(), body: Self.framed("a", length: .max), ends: false)
      #expect(answer.status == "\(StatusCode.resourceExhausted.rawValue)")
      #expect(answer.code == .noError)
    }
  }

  @Test("A stream that ends within a message is INTERNAL, when the handler reads so far")
  func truncated() async throws {
    try await Fixture.run { fixture in
      let answer = try await RawConnection.ask(
        fixture.server.endpoint, Self.headers(path: "/test.Echo/Join"),
        body: Self.framed("a") + [0, 0, 0, 0, 9, 1])
      #expect(answer.status == "\(StatusCode.internal.rawValue)")
    }
  }

  @Test("The server keeps the deadline by itself", arguments: ["100m", "99999999n", "0S"])
  func deadline(timeout: String) async throws {
    try await Fixture.run { fixture in
      let answer = try await RawConnection.ask(
        fixture.server.endpoint,
        Self.headers(path: "/test.Echo/Hang", ["grpc-timeout": timeout]), body: Self.framed("x"))
      #expect(answer.status == "\(StatusCode.deadlineExceeded.rawValue)")
    }
  }

  @Test("A connection that is lost cancels its handlers")
  func lost() async throws {
    try await Fixture.run { fixture in
      let service = fixture.service
      try await RawConnection.open(fixture.server.endpoint) { _, outbound in
        var session = try HTTP2Session(role: .client)
        let stream = try session.open(Self.headers(path: "/test.Echo/Hang"))
        _ = session.write(Self.framed("x").span.bytes, on: stream)
        session.finish(stream)
        var output = ByteBuffer()
        _ = try session.transmit { frame in _ = frame.withUnsafeBytes { output.writeBytes($0) } }
        try await outbound.write(output)
        await service.began.wait()
      }
      await service.cancelled.wait()
    }
  }

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

  @Test("A flood is cut off within a bound, and another client is served meanwhile")
  func flood() async throws {
    try await Fixture.run { fixture in
      let ping: [UInt8] = [0, 0, 8, 6, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 8)
      let limit = 64 << 20
      async let sent = RawConnection.flood(
        fixture.server.endpoint, first: Self.preface,
        then: Array(repeatElement(ping, count: 100).joined()), atMost: limit)
      for number in 0..<50 {
        let answer: Bytes = try await fixture.client.unary(
          EchoService.say, Bytes("\(number)"))
        #expect(answer.text == "\(number)")
      }
      let total = try await sent
      #expect(total < limit)
    }
  }

  @Test(
    "What is not HTTP/2 is disconnected",
    arguments: ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}", "PRI *"])
  func otherProtocols(text: String) async throws {
    var configuration = ServerConfiguration()
    configuration.prefaceTimeout = .milliseconds(100)
    try await Fixture.run(server: configuration) { fixture in
      try await RawConnection.open(fixture.server.endpoint) { inbound, outbound in
        // On a slow machine the server may be faster than this.
        try? await outbound.write(ByteBuffer(string: text))
        while (try? await inbound.next()) != nil {}
      }
    }
  }

  @Test("A peer that says nothing is disconnected after the preface's time")
  func silence() async throws {
    var configuration = ServerConfiguration()
    configuration.prefaceTimeout = .milliseconds(50)
    try await Fixture.run(server: configuration) { fixture in
      try await RawConnection.open(fixture.server.endpoint) { inbound, _ in
        while (try? await inbound.next()) != nil {}
      }
    }
  }

  @Test("More connections than the bound are closed, and room is given again")
  func connectionBound() async throws {
    var configuration = ServerConfiguration()
    configuration.maximumConnections = 1
    try await Fixture.run(server: configuration) { fixture in
      let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes("mine"))
      try await RawConnection.open(fixture.server.endpoint) { inbound, _ in
        while (try? await inbound.next()) != nil {}
      }
      let answer: Bytes = try await fixture.client.unary(EchoService.say, Bytes("still"))
      #expect(answer == "still")
    }
  }
}
