import GRPC
import GRPCTransport
import HTTP2
import Testing

/// How a server takes requests that are on the edge of the grammar (gRPC "PROTOCOL-HTTP2"), or past it.
@Suite("A request's grammar, over a socket", .timeLimit(.minutes(1)))
struct RequestGrammarTests {
  private typealias Client = HostileClientTests

  private static func block(_ fields: KeyValuePairs<String, String>) -> HeaderBlock {
    HeaderBlock(fields)
  }

  private func ask(
    _ headers: HeaderBlock, _ body: [UInt8] = Client.framed("x"), ends: Bool = true
  ) async throws -> RawAnswer {
    var answer = RawAnswer()
    try await Fixture.run { fixture in
      answer = try await RawConnection.ask(
        fixture.server.endpoint, headers, body: body, ends: ends)
      let good = try await RawConnection.ask(
        fixture.server.endpoint, Client.headers(), body: Client.framed("good"))
      #expect(good.status == "0", "the server goes on")
    }
    return answer
  }

  @Test(
    "A path that is no method's is UNIMPLEMENTED, and taken as it stands",
    arguments: [
      "/", "//", "/a", "/a/b/c", "/test.Echo", "/test.Echo/", "//Say", "/test.Echo/Say/",
      "/test.Echo/say", "/test.Echo/%53ay", "/test%2EEcho/Say", "/test.Echo/Say?x=1",
      "/test.Echo/Say#x", "/./test.Echo/Say", "/test.Echo//Say", "/test.Echo/S\u{e4}y",
      "/" + String(repeating: "a", count: 5000),
    ])
  func unknownPath(path: String) async throws {
    let answer = try await ask(Client.headers(path: path))
    #expect(answer.fields[":status"] == "200")
    #expect(answer.status == "\(StatusCode.unimplemented.rawValue)", "\(answer.fields)")
    #expect(answer.blocks.count == 1, "Trailers-Only")
  }

  @Test(
    "A path that HTTP/2 does not allow is a malformed request (RFC 9113 §8.3.1)",
    arguments: ["", "no-slash", "*", "test.Echo/Say"])
  func malformedPath(path: String) async throws {
    let answer = try await ask(Client.headers(path: path))
    #expect(answer.code == .protocolError)
    #expect(answer.status == nil)
  }

  @Test(
    "A scheme that is neither http nor https is 400",
    arguments: ["ftp", "grpc", "HTTP", "httpss", "htt", "http+unix"])
  func unknownScheme(scheme: String) async throws {
    let answer = try await ask(Client.headers(scheme: scheme), ends: false)
    #expect(answer.fields[":status"] == "400")
    #expect(answer.status == "\(StatusCode.internal.rawValue)")
    #expect(answer.code == .noError)
  }

  @Test(
    "A scheme that is no scheme is a malformed request (RFC 3986 §3.1)",
    arguments: ["", "1http", "http ", "ht_tp"])
  func malformedScheme(scheme: String) async throws {
    let answer = try await ask(Client.headers(scheme: scheme))
    #expect(answer.code == .protocolError)
    #expect(answer.status == nil)
  }

  @Test("A proxy that has ended TLS may say https")
  func secureScheme() async throws {
    let answer = try await ask(Client.headers(scheme: "https"))
    #expect(answer.status == "0", "\(answer.fields)")
  }

  @Test(
    "Other methods than POST are 405, and told what is allowed",
    arguments: ["GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "post", "POSTS", "POS"])
  func method(method: String) async throws {
    let answer = try await ask(Client.headers(method: method))
    #expect(answer.fields[":status"] == "405")
    #expect(answer.fields["allow"] == "POST")
    #expect(answer.status == "\(StatusCode.internal.rawValue)")
    #expect(answer.code == .noError)
  }

  @Test(
    "Content types that are not gRPC's are 415",
    arguments: [
      "", "application/json", "text/html", "application/grp", "application/grpcx",
      "application/grpc-web", "application/grpc-web+proto", "application/grpc proto",
      "application /grpc", "application/x-protobuf", "*/*", " application/grpc",
      "application/grpc ",
    ])
  func wrongContentType(type: String) async throws {
    let answer = try await ask(Client.headers(type: type))
    #expect(answer.fields[":status"] == "415")
    #expect(answer.code == .noError)
  }

  @Test("A request without a content type is 415")
  func noContentType() async throws {
    let answer = try await ask(
      Self.block([
        ":method": "POST", ":scheme": "http", ":path": "/test.Echo/Say", ":authority": "here",
        "te": "trailers",
      ]))
    #expect(answer.fields[":status"] == "415")
  }

  @Test(
    "Content types that are gRPC's are answered",
    arguments: [
      "application/grpc", "application/grpc+proto", "application/grpc+json",
      "application/grpc;charset=utf-8", "application/grpc+proto;v=1", "Application/GRPC",
    ])
  func contentType(type: String) async throws {
    let answer = try await ask(Client.headers(type: type))
    #expect(answer.status == "0", "\(answer.fields)")
    #expect(answer.fields[":status"] == "200")
    #expect(answer.fields["content-type"]?.hasPrefix("application/grpc") == true)
  }

  /// grpc-go and grpc-java take it, grpc-core does not. A proxy that drops it still passes trailers:
  /// in HTTP/2 they are a frame like any other, so that nothing is won by a refusal.
  @Test("A request without te is answered")
  func noTE() async throws {
    let answer = try await ask(
      Self.block([
        ":method": "POST", ":scheme": "http", ":path": "/test.Echo/Say", ":authority": "here",
        "content-type": "application/grpc",
      ]))
    #expect(answer.status == "0")
  }

  @Test(
    "A te other than trailers is a malformed request (RFC 9113 §8.2.2)", arguments: ["gzip", ""])
  func otherTE(te: String) async throws {
    let answer = try await ask(
      Self.block([
        ":method": "POST", ":scheme": "http", ":path": "/test.Echo/Say", ":authority": "here",
        "content-type": "application/grpc", "te": te,
      ]))
    #expect(answer.code == .protocolError)
  }

  @Test(
    "Timeouts outside of the grammar are refused with INTERNAL, at once",
    arguments: [
      "", "S", "1", "10", "123456789S", "999999999n", "-1S", "+1S", "1s", "1h", "1x", "1 S", " 1S",
      "1S ", "1.5S", "0x1S", "1e3S", "\u{661}S", "1SS", "S1", "1S,1S", "1\u{b5}", "nan", "inf",
    ])
  func wrongTimeout(timeout: String) async throws {
    let answer = try await ask(Client.headers(["grpc-timeout": timeout]), ends: false)
    #expect(answer.status == "\(StatusCode.internal.rawValue)", "\(answer.fields)")
    #expect(answer.blocks.count == 1, "Trailers-Only")
  }

  @Test(
    "Timeouts of the grammar are kept, in each unit and however long",
    arguments: [
      "1H", "99999999H", "60M", "99999999M", "3600S", "00000100S", "99999999S", "100000m",
      "99999999m", "99999999u",
    ])
  func timeout(timeout: String) async throws {
    let answer = try await ask(Client.headers(["grpc-timeout": timeout]))
    #expect(answer.status == "0", "\(answer.fields)")
  }

  @Test("A wrong timeout does not hide that the request is not gRPC's")
  func orderOfRefusals() async throws {
    let answer = try await ask(Client.headers(type: "text/html", ["grpc-timeout": "x"]))
    #expect(answer.fields[":status"] == "415")
  }

  @Test(
    "A request that ends within a prefix or a message is INTERNAL, for every shape",
    arguments: ["Say", "Join", "Split", "Chat"], [[0], [0, 0, 0, 0], [0, 0, 0, 0, 5, 1, 2]])
  func truncated(method: String, body: [UInt8]) async throws {
    let answer = try await ask(Client.headers(path: "/test.Echo/\(method)"), body)
    #expect(answer.status == "\(StatusCode.internal.rawValue)", "\(answer.fields)")
  }

  @Test(
    "Reserved flag bits and a compressed flag without an encoding are INTERNAL, for every shape",
    arguments: ["Say", "Join", "Split", "Chat"], [1, 2, 3, 0x40, 0x80, 0xff] as [UInt8])
  func flags(method: String, flag: UInt8) async throws {
    let answer = try await ask(
      Client.headers(path: "/test.Echo/\(method)"), [flag, 0, 0, 0, 1], ends: false)
    #expect(answer.status == "\(StatusCode.internal.rawValue)", "\(answer.fields)")
  }

  @Test(
    "A prefix over the limit is refused before a byte of its message, for every shape",
    arguments: ["Say", "Join", "Split", "Chat"])
  func lyingPrefix(method: String) async throws {
    for prefix in [[0, 0, 0x40, 0, 1], [0, 0xff, 0xff, 0xff, 0xff]] as [[UInt8]] {
      let answer = try await ask(
        Client.headers(path: "/test.Echo/\(method)"), prefix, ends: false)
      #expect(answer.status == "\(StatusCode.resourceExhausted.rawValue)", "\(answer.fields)")
    }
  }

  @Test(
    "Not exactly one message for a single request is UNIMPLEMENTED", arguments: ["Say", "Split"])
  func cardinality(method: String) async throws {
    let headers = Client.headers(path: "/test.Echo/\(method)")
    for body in [[], Client.framed("a") + Client.framed("b")] {
      let answer = try await ask(headers, body)
      #expect(answer.status == "\(StatusCode.unimplemented.rawValue)", "\(answer.fields)")
    }
    let early = try await ask(headers, Client.framed("a") + Client.framed("b"), ends: false)
    #expect(early.status == "\(StatusCode.unimplemented.rawValue)", "a second message, no end")
  }

  @Test("An empty message is a message")
  func emptyMessage() async throws {
    let answer = try await ask(Client.headers(), Client.framed(""))
    #expect(answer.status == "0")
    #expect(answer.body == Client.framed(""))
  }

  @Test("A field with a control character is a malformed request, not dropped")
  func controlCharacters() async throws {
    for value in ["a\u{0}b", "a\nb", "a\u{7f}"] {
      let answer = try await ask(Client.headers(["x-a": value]))
      #expect(answer.code == .protocolError, "\(answer.fields)")
    }
  }
}
