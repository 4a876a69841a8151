import GRPCTransport
import HTTP2
import Testing

@testable import GRPC

/// Answers in an encoding that the request's metadata names.
private struct CompressingService: RPCService {
  static let say = MethodDescriptor(service: "test.Compressing", method: "Say", kind: .unary)
  static let repeats = MethodDescriptor(
    service: "test.Compressing", method: "Repeat", kind: .serverStreaming)
  static let count = MethodDescriptor(
    service: "test.Compressing", method: "Count", kind: .clientStreaming)

  func register(in router: inout Router) {
    router.unary(Self.say) { (request: Bytes, context) in
      Self.choose(context)
      return request
    }
    // Every second message as it is.
    router.serverStreaming(Self.repeats) {
      (request: Bytes, responses: ResponseWriter<Bytes>, context) in
      Self.choose(context)
      for index in 0..<4 { try await responses.write(request, compresses: index % 2 == 0) }
      #expect(!context.setResponseEncoding(.identity), "the head has gone")
    }
    // Swallows whatever reading throws.
    router.clientStreaming(Self.count) { (requests: RequestStream<Bytes>, context) in
      var flags: [Bool] = []
      do {
        for try await _ in requests { flags.append(context.lastRequestWasCompressed) }
      } catch {}
      return Bytes(flags.map { $0 ? "1" : "0" }.joined())
    }
  }

  private static func choose(_ context: ServerContext) {
    guard let name = context.metadata["x-encoding"],
      let encoding = MessageEncoding(name: Array(name.utf8).span)
    else { return }
    let isAccepted = context.acceptedEncodings.contains(encoding)
    #expect(context.setResponseEncoding(encoding) == isAccepted)
  }
}

@Suite("Compressed calls over a socket", .timeLimit(.minutes(1)))
struct CompressedCallTests {
  static let compressing: [MessageEncoding] = [.gzip, .deflate]
  private static let long = [UInt8](repeating: 0x61, count: 100_000)

  /// A server of both services that answers in `encoding`, and a client.
  private func run(
    _ encoding: MessageEncoding = .identity, client: ClientConfiguration = ClientConfiguration(),
    _ body: (GRPCServer, GRPCClient) async throws -> Void
  ) async throws {
    var router = Router()
    router.add(EchoService())
    router.add(CompressingService())
    router.responseEncoding = encoding
    let server = try await GRPCServer.start(router, on: SocketKind.unix.free())
    let client = GRPCClient(server.endpoint, configuration: client)
    try await body(server, client)
    await client.close()
    await server.shutdown(within: .seconds(1))
  }

  private func ask(
    _ server: GRPCServer, _ method: String, _ fields: KeyValuePairs<String, String>,
    _ body: [UInt8], ends: Bool = true
  ) async throws -> RawAnswer {
    try await RawConnection.ask(
      server.endpoint, HostileClientTests.headers(path: "/test.Compressing/\(method)", fields),
      body: body, ends: ends)
  }

  private static func framed(_ payload: [UInt8], flag: UInt8) -> [UInt8] {
    [flag] + (0..<4).map { UInt8(truncatingIfNeeded: payload.count >> (24 - 8 * $0)) } + payload
  }

  /// What a raw answer's body holds.
  private func messages(
    _ answer: RawAnswer, _ encoding: MessageEncoding
  ) throws -> [InboundMessage] {
    var deframer = MessageDeframer(limit: 4 << 20, encoding: encoding)
    var offset = 0
    var messages: [InboundMessage] = []
    while let message = try deframer.next(in: answer.body.span.bytes, from: &offset) {
      messages.append(message)
    }
    return messages
  }

  @Test("Calls of every shape are compressed both ways", arguments: compressing)
  func shapes(encoding: MessageEncoding) async throws {
    try await run(encoding) { _, client in
      var options = CallOptions(timeout: .seconds(30))
      options.requestEncoding = encoding
      let request = Bytes(Self.long)
      let once: Bytes = try await client.unary(EchoService.say, request, options: options)
      #expect(once == request)
      let joined: Bytes = try await client.clientStreaming(EchoService.join, options: options) {
        (requests: RequestWriter<Bytes>) in
        for index in 0..<3 { try await requests.write(request, compresses: index != 1) }
      }
      #expect(joined.bytes == Self.long + Self.long + Self.long)
      try await client.bidirectionalStreaming(EchoService.chat, options: options) {
        (requests: RequestWriter<Bytes>, responses: ResponseStream<Bytes>) in
        var iterator = responses.makeAsyncIterator()
        for count in [0, 10, 1000, 1_000_000] {
          try await requests.write(Bytes(count: count))
          #expect(try await iterator.next() == Bytes(count: count))
          #expect(responses.lastResponseWasCompressed == (count >= 1000))
        }
      }
      try await client.serverStreaming(CompressingService.repeats, request, options: options) {
        (responses: ResponseStream<Bytes>) in
        var flags: [Bool] = []
        for try await response in responses {
          #expect(response == request)
          flags.append(responses.lastResponseWasCompressed)
        }
        #expect(flags == [true, false, true, false])
      }
    }
  }

  @Test("A client's messages are compressed where it says so")
  func perMessage() async throws {
    try await run { _, client in
      var options = CallOptions()
      options.requestEncoding = .gzip
      let flags: Bytes = try await client.clientStreaming(
        CompressingService.count, options: options
      ) { (requests: RequestWriter<Bytes>) in
        try await requests.write(Bytes(Self.long))
        try await requests.write(Bytes(Self.long), compresses: false)
        try await requests.write("too short")
        try await requests.write(Bytes(Self.long))
      }
      #expect(flags.text == "1001")
    }
  }

  @Test(
    "The answer is in the server's encoding only if the client reads it", arguments: compressing)
  func negotiated(encoding: MessageEncoding) async throws {
    try await run(encoding) { server, _ in
      let body = Self.framed(Self.long, flag: 0)
      for accepted in ["identity,deflate,gzip", "gzip, deflate", "br,\(encoding.name)"] {
        let answer = try await ask(server, "Say", ["grpc-accept-encoding": accepted], body)
        #expect(answer.fields["grpc-encoding"] == encoding.name)
        #expect(answer.fields["grpc-accept-encoding"] == "identity,deflate,gzip")
        let messages = try messages(answer, encoding)
        #expect(messages.map(\.encoding) == [encoding])
        #expect(try messages.first?.decompressed(limit: 100_000) == Self.long)
        #expect(answer.body.count < 1000)
      }
      for fields in [[:], ["grpc-accept-encoding": "identity"], ["grpc-accept-encoding": "br"]]
        as [KeyValuePairs<String, String>]
      {
        let answer = try await ask(server, "Say", fields, body)
        #expect(answer.fields["grpc-encoding"] == nil)
        // Not within the expectation: it would spell out both at length.
        let isAsItWas = answer.body == body
        #expect(isAsItWas, "\(answer.body.count) bytes that begin with \(answer.body.prefix(5))")
        #expect(answer.status == "0")
      }
    }
  }

  @Test("A handler chooses among what the client reads")
  func chosen() async throws {
    try await run(.deflate) { server, _ in
      let body = Self.framed(Self.long, flag: 0)
      for (choice, accepted, expected) in [
        ("gzip", "gzip,deflate", "gzip"), ("identity", "gzip,deflate", nil),
        ("gzip", "deflate", "deflate"), ("gzip", "identity", nil),
      ] {
        let answer = try await ask(
          server, "Say", ["x-encoding": choice, "grpc-accept-encoding": accepted], body)
        #expect(answer.fields["grpc-encoding"] == expected, "\(choice) of \(accepted)")
        #expect(answer.status == "0")
      }
    }
  }

  @Test(
    "An unknown encoding is UNIMPLEMENTED, and told what is known", arguments: ["br", "GZIP", ""])
  func unknownEncoding(name: String) async throws {
    try await run { server, _ in
      let answer = try await ask(server, "Say", ["grpc-encoding": name], [], ends: false)
      #expect(answer.status == "\(StatusCode.unimplemented.rawValue)")
      #expect(answer.fields["grpc-accept-encoding"] == "identity,deflate,gzip")
    }
  }

  struct Damage: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var code: StatusCode = .internal
    var flag: UInt8 = 1
    var change: @Sendable ([UInt8]) -> [UInt8] = { $0 }
  }

  static let damages: [Damage] = [
    Damage(testDescription: "cut short") { Array($0.dropLast()) },
    Damage(testDescription: "empty") { _ in [] },
    Damage(testDescription: "followed by a byte") { $0 + [0] },
    Damage(testDescription: "followed by itself") { $0 + $0 },
    Damage(testDescription: "not compressed at all") { _ in [UInt8](repeating: 0x61, count: 99) },
    Damage(testDescription: "with a wrong checksum") { good in
      var bad = good
      bad[bad.count - 5] ^= 1
      bad[bad.count - 1] ^= 1
      return bad
    },
    Damage(testDescription: "marked by a reserved bit", flag: 3),
  ]

  @Test("A damaged message is INTERNAL, whatever its handler does", arguments: compressing, damages)
  func damaged(encoding: MessageEncoding, damage: Damage) async throws {
    let good = try #require(encoding.compress(Self.long))
    let body = Self.framed(good, flag: 1) + Self.framed(damage.change(good), flag: damage.flag)
    try await run { server, _ in
      // This handler would answer with OK.
      let answer = try await ask(
        server, "Count", ["grpc-encoding": encoding.name], body, ends: false)
      #expect(answer.status == "\(damage.code.rawValue)", "\(answer.fields)")
      let single = try await ask(
        server, "Say", ["grpc-encoding": encoding.name],
        Self.framed(damage.change(good), flag: damage.flag))
      #expect(single.status == "\(damage.code.rawValue)", "\(single.fields)")
    }
  }

  @Test("A message that is over the limit once it is decompressed is RESOURCE_EXHAUSTED")
  func bomb() async throws {
    for encoding in Self.compressing {
      let most = try #require(encoding.compress([UInt8](repeating: 0, count: 4 << 20)))
      let bomb = try #require(encoding.compress([UInt8](repeating: 0, count: 4 << 20 | 1)))
      try await run { server, _ in
        let fields: KeyValuePairs = ["grpc-encoding": encoding.name]
        let fits = try await ask(server, "Say", fields, Self.framed(most, flag: 1))
        #expect(fits.status == "0")
        let over = try await ask(server, "Say", fields, Self.framed(bomb, flag: 1))
        #expect(over.status == "\(StatusCode.resourceExhausted.rawValue)")
      }
    }
  }

  @Test("A client holds to its limit what it decompresses, and what it sends before it compresses")
  func clientLimits() async throws {
    var narrow = ClientConfiguration()
    narrow.calls.maximumInboundMessage = 99_999
    try await run(.gzip, client: narrow) { _, client in
      let error = await failure {
        let _: Bytes = try await client.unary(EchoService.say, Bytes(Self.long))
      }
      #expect(error?.code == .resourceExhausted)
    }
    narrow = ClientConfiguration()
    narrow.calls.maximumOutboundMessage = 99_999
    try await run(client: narrow) { _, client in
      var options = CallOptions()
      options.requestEncoding = .gzip
      let error = await failure { [options] in
        let _: Bytes = try await client.unary(EchoService.say, Bytes(Self.long), options: options)
      }
      #expect(error?.code == .resourceExhausted)
    }
  }
}
