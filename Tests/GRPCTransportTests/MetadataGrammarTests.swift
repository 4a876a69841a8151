import GRPC
import GRPCTransport
import HTTP2
import Testing

/// Metadata as peers write it who are not this library.
@Suite("Metadata's grammar, over a socket", .timeLimit(.minutes(1)))
struct MetadataGrammarTests {
  private typealias Client = HostileClientTests

  /// What the handler of `Say` saw of a request: it answers with its metadata as trailers.
  private func seen(_ fields: KeyValuePairs<String, String>) async throws -> RawAnswer {
    var answer = RawAnswer()
    try await Fixture.run { fixture in
      answer = try await RawConnection.ask(
        fixture.server.endpoint, Client.headers(fields), body: Client.framed("x"))
    }
    return answer
  }

  @Test(
    "Bytes are read with padding and without, and values that are joined by commas apart",
    arguments: [
      ("AAE", ["AAE"]), ("AAE=", ["AAE"]), ("AA==", ["AA"]), ("AA", ["AA"]), ("", [""]),
      ("AAE,AAE=,AA", ["AAE", "AAE", "AA"]), ("AAE, AA", ["AAE", "AA"]), ("AAE,", ["AAE", ""]),
      ("+/+/", ["+/+/"]), (" AAE ", ["AAE"]),
    ])
  func binary(sent: String, received: [String]) async throws {
    let answer = try await seen(["x-a-bin": sent])
    #expect(answer.status == "0", "\(answer.fields)")
    #expect(answer.values("x-a-bin", inBlock: 1) == received)
  }

  @Test(
    "What is not base64 is INTERNAL",
    arguments: ["!", "A", "AAE==", "A=AE", "=", "====", "AA-_", "A A", "AAE;AA", "\u{e4}"])
  func notBinary(sent: String) async throws {
    let answer = try await seen(["x-a-bin": sent])
    #expect(answer.status == "\(StatusCode.internal.rawValue)", "\(answer.fields)")
  }

  @Test("Values of one name keep their order, and text is not split at commas")
  func order() async throws {
    let answer = try await seen([
      "x-a": "1", "x-b": "2", "x-a": "3, 4", "x-a-bin": "AAE", "x-a": "", "x-a-bin": "AA",
    ])
    #expect(answer.status == "0")
    #expect(answer.values("x-a", inBlock: 1) == ["1", "3, 4", ""])
    #expect(answer.values("x-b", inBlock: 1) == ["2"])
    #expect(answer.values("x-a-bin", inBlock: 1) == ["AAE", "AA"])
  }

  @Test("Blanks around a text are trimmed, those in it are not")
  func blanks() async throws {
    let answer = try await seen(["x-a": "  a  b "])
    #expect(answer.values("x-a", inBlock: 1) == ["a  b"])
  }

  @Test("Text outside of printable ASCII is INTERNAL", arguments: ["\u{e4}", "a\tb", "\u{1f600}"])
  func notText(value: String) async throws {
    let answer = try await seen(["x-a": value])
    #expect(answer.status == "\(StatusCode.internal.rawValue)", "\(answer.fields)")
  }

  @Test("What belongs to gRPC does not reach the handler as metadata")
  func reserved() async throws {
    let answer = try await seen(["grpc-trace": "x", "grpc-tags-bin": "AA", "x-a": "1"])
    #expect(answer.status == "0")
    #expect(answer.blocks.last?.map(\.name).sorted() == ["grpc-status", "x-a"])
  }

  @Test("Metadata of 8 KiB passes, a byte more is RESOURCE_EXHAUSTED")
  func limit() async throws {
    var used = 0
    Client.headers(["x-a": ""]).forEachField { name, value in
      used += name.count + value.count + 32
    }
    let most = try await seen(["x-a": String(repeating: "v", count: (8 << 10) - used)])
    #expect(most.status == "0")
    let over = try await seen(["x-a": String(repeating: "v", count: (8 << 10) - used + 1)])
    #expect(over.status == "\(StatusCode.resourceExhausted.rawValue)")
    #expect(over.fields[":status"] == "200")
  }

  @Test("A client takes 8 KiB of metadata too, and no more", arguments: [true, false])
  func limitAtClient(inTrailers: Bool) async throws {
    for (count, code) in [(7000, nil), (9000, StatusCode.resourceExhausted)] {
      let long = String(repeating: "v", count: count)
      var head = HeaderBlock([":status": "200", "content-type": "application/grpc"])
      var trailers = HeaderBlock(["grpc-status": "0"])
      if inTrailers {
        trailers.append("x-a", value: long.utf8)
      } else {
        head.append("x-a", value: long.utf8)
      }
      let script: ScriptedServer.Script = { [head, trailers] session, stream in
        try session.respond(on: stream, head)
        _ = session.write(Client.framed("x").span.bytes, on: stream)
        session.finish(stream, trailers: trailers)
      }
      try await ScriptedServer.serve(script) { client in
        let error = await failure {
          let _: Bytes = try await client.unary(EchoService.say, Bytes("x"))
        }
        #expect(error?.code == code)
      }
    }
  }
}
