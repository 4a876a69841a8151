import GRPC
import GRPCTransport
import HTTP2
import NIOCore
import Testing

@Suite("A hostile server", .timeLimit(.minutes(1)))
struct HostileServerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var expected: StatusCode
    var script: ScriptedServer.Script
  }

  private static let head = HeaderBlock([":status": "200", "content-type": "application/grpc"])
  private static let message: [UInt8] = [0, 0, 0, 0, 1, 0x61]

  private static func say(
    _ bytes: [UInt8], trailers: KeyValuePairs<String, String>
  ) -> ScriptedServer.Script {
    let end = HeaderBlock(trailers)
    return { session, stream in
      try session.respond(on: stream, head)
      _ = session.write(bytes.span.bytes, on: stream)
      session.finish(stream, trailers: end)
    }
  }

  private static func headersOnly(
    _ fields: KeyValuePairs<String, String>
  ) -> ScriptedServer.Script {
    let block = HeaderBlock(fields)
    return { session, stream in try session.respond(on: stream, block, ends: true) }
  }

  static let cases: [Case] = [
    Case(
      testDescription: "no status", expected: .unknown,
      script: { session, stream in
        try session.respond(on: stream, head)
        _ = session.write(message.span.bytes, on: stream)
        session.finish(stream)
      }),
    Case(
      testDescription: "a status that is no number", expected: .unknown,
      script: say(message, trailers: ["grpc-status": "fine"])),
    Case(
      testDescription: "OK without a message", expected: .unimplemented,
      script: say([], trailers: ["grpc-status": "0"])),
    Case(
      testDescription: "two messages", expected: .unimplemented,
      script: say(message + message, trailers: ["grpc-status": "0"])),
    Case(
      testDescription: "half a message", expected: .internal,
      script: say([0, 0, 0, 0, 9, 1], trailers: ["grpc-status": "0"])),
    Case(
      testDescription: "a message over the limit", expected: .resourceExhausted,
      script: say([0, 0xff, 0xff, 0xff, 0xff], trailers: ["grpc-status": "0"])),
    Case(
      testDescription: "HTTP 503", expected: .unavailable,
      script: headersOnly([":status": "503", "content-type": "text/html"])),
    Case(
      testDescription: "HTTP 404", expected: .unimplemented,
      script: headersOnly([":status": "404"])),
    Case(
      testDescription: "another content type", expected: .unknown,
      script: headersOnly([":status": "200", "content-type": "text/html"])),
    Case(
      testDescription: "REFUSED_STREAM", expected: .unavailable,
      script: { session, stream in session.reset(stream, .refusedStream) }),
    Case(
      testDescription: "INTERNAL_ERROR", expected: .internal,
      script: { session, stream in session.reset(stream, .internalError) }),
    Case(
      testDescription: "headers over the limit", expected: .resourceExhausted,
      script: headersOnly([
        ":status": "200", "content-type": "application/grpc", "grpc-status": "0",
        "x-long": String(repeating: "v", count: 20_000),
      ])),
    Case(
      testDescription: "a GOAWAY that ends the connection", expected: .unavailable,
      script: { session, _ in session.terminate(.enhanceYourCalm) }),
  ]

  @Test("Whatever a server answers is some status", arguments: cases)
  func answers(_ wrong: Case) async throws {
    let make = { @Sendable in try ScriptedServer(wrong.script) }
    try await ScriptedServer.serve(by: make) { client in
      for _ in 0..<2 {
        let error = await failure {
          let _: Bytes = try await client.unary(EchoService.say, Bytes("x"))
        }
        #expect(error?.code == wrong.expected, "\(error as Any)")
      }
    }
  }

  @Test("A server that speaks no HTTP/2 is UNAVAILABLE")
  func otherProtocol() async throws {
    let make = { @Sendable in Greeter() }
    try await ScriptedServer.serve(by: make) { client in
      let error = await failure {
        let _: Bytes = try await client.unary(EchoService.say, Bytes("x"))
      }
      #expect(error?.code == .unavailable)
    }
  }

  /// Says hello as a mail server does.
  private final class Greeter: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
      let hello = ByteBuffer(
        string: "220 mail.example ESMTP, and more text than a frame header\r\n")
      context.writeAndFlush(wrapOutboundOut(hello), promise: nil)
    }
  }
}
