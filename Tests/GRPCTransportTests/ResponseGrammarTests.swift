import GRPCTransport
import HTTP2
import Testing

@testable import GRPC

/// How a client takes responses that are on the edge of the grammar (gRPC "PROTOCOL-HTTP2"), or past it.
@Suite("A response's grammar, over a socket", .timeLimit(.minutes(1)))
struct ResponseGrammarTests {
  private typealias Fields = KeyValuePairs<String, String>

  private static let message = HostileClientTests.framed("x")
  private static let head: Fields = [":status": "200", "content-type": "application/grpc"]

  /// What two calls, one after another, end with: the second shows that the client goes on.
  private func outcome(
    _ answer: @escaping @Sendable (Int32) -> [UInt8], _ method: MethodDescriptor = EchoService.say
  ) async throws -> RPCError? {
    var outcomes: [RPCError?] = []
    let make = { @Sendable in try RawFrameServer(answer) }
    try await ScriptedServer.serve(by: make) { client in
      for _ in 0..<2 {
        let error = await failure {
          let response: Bytes = try await client.unary(
            method, Bytes("q"), options: CallOptions(timeout: .seconds(20)))
          #expect(response == "x")
        }
        outcomes.append(error)
      }
    }
    #expect(outcomes.count == 2 && outcomes[0]?.code == outcomes[1]?.code, "\(outcomes)")
    return outcomes[0]
  }

  /// Head, message, and these trailers.
  private func outcome(trailers: Fields) async throws -> RPCError? {
    try await outcome { stream in
      RawFrames.headers(stream, Self.head) + RawFrames.data(stream, Self.message)
        + RawFrames.headers(stream, trailers, ends: true)
    }
  }

  @Test("Frames by hand make a call")
  func good() async throws {
    #expect(try await outcome(trailers: ["grpc-status": "0"]) == nil)
  }

  @Test("Informational answers go before the real one", arguments: ["100", "103", "199"])
  func informational(status: String) async throws {
    let error = try await outcome { stream in
      RawFrames.headers(stream, [":status": status, "link": "x"])
        + RawFrames.headers(stream, [":status": status])
        + RawFrames.headers(stream, Self.head) + RawFrames.data(stream, Self.message)
        + RawFrames.headers(stream, ["grpc-status": "0"], ends: true)
    }
    #expect(error == nil)
  }

  struct Malformed: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var frames: @Sendable (Int32) -> [UInt8]
  }

  static let malformed: [Malformed] = [
    Malformed(testDescription: "101, which HTTP/2 does not have") {
      RawFrames.headers($0, [":status": "101"])
    },
    Malformed(testDescription: "an informational answer that ends the stream") {
      RawFrames.headers($0, [":status": "100"], ends: true)
    },
    Malformed(testDescription: "a second head") {
      RawFrames.headers($0, head) + RawFrames.headers($0, head)
    },
    Malformed(testDescription: "trailers that do not end the stream") {
      RawFrames.headers($0, head) + RawFrames.data($0, message)
        + RawFrames.headers($0, ["grpc-status": "0"])
    },
    Malformed(testDescription: "trailers with a pseudo-field") {
      RawFrames.headers($0, head) + RawFrames.data($0, message)
        + RawFrames.headers($0, [":status": "200", "grpc-status": "0"], ends: true)
    },
    Malformed(testDescription: "no status of HTTP's") {
      RawFrames.headers($0, ["content-type": "application/grpc", "grpc-status": "0"], ends: true)
    },
    Malformed(testDescription: "a name in upper case") {
      RawFrames.headers($0, head) + RawFrames.headers($0, ["Grpc-Status": "0"], ends: true)
    },
    Malformed(testDescription: "a control character in a value") {
      RawFrames.headers($0, head)
        + RawFrames.headers($0, ["grpc-status": "0", "x": "a\u{0}"], ends: true)
    },
    Malformed(testDescription: "half a message") {
      RawFrames.headers($0, head) + RawFrames.data($0, [0, 0, 0, 0, 2, 1])
        + RawFrames.headers($0, ["grpc-status": "0"], ends: true)
    },
    Malformed(testDescription: "half a prefix") {
      RawFrames.headers($0, head) + RawFrames.data($0, [0, 0, 0])
        + RawFrames.headers($0, ["grpc-status": "0"], ends: true)
    },
    Malformed(testDescription: "reserved flag bits") {
      RawFrames.headers($0, head) + RawFrames.data($0, [2, 0, 0, 0, 0])
    },
    Malformed(testDescription: "a compressed message without an encoding") {
      RawFrames.headers($0, head) + RawFrames.data($0, [1, 0, 0, 0, 0])
    },
    Malformed(testDescription: "a compressed message with the encoding identity") {
      RawFrames.headers(
        $0, [":status": "200", "content-type": "application/grpc", "grpc-encoding": "identity"])
        + RawFrames.data($0, [1, 0, 0, 0, 0])
    },
    Malformed(testDescription: "an encoding that was not offered") {
      RawFrames.headers(
        $0, [":status": "200", "content-type": "application/grpc", "grpc-encoding": "br"])
    },
    Malformed(testDescription: "a message that is not gzip") {
      RawFrames.headers(
        $0, [":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip"])
        + RawFrames.data($0, [1, 0, 0, 0, 1, 0x61])
    },
    Malformed(testDescription: "metadata that is not base64") {
      RawFrames.headers($0, head) + RawFrames.data($0, message)
        + RawFrames.headers($0, ["grpc-status": "0", "x-bin": "!"], ends: true)
    },
  ]

  @Test("What a gRPC server never sends is INTERNAL, at once", arguments: malformed)
  func isInternal(_ malformed: Malformed) async throws {
    let error = try await outcome(malformed.frames)
    #expect(error?.code == .internal, "\(error as Any)")
  }

  @Test("A message before the head breaks the connection, which is UNAVAILABLE")
  func messageFirst() async throws {
    let error = try await outcome { stream in
      RawFrames.data(stream, Self.message) + RawFrames.headers(stream, Self.head)
    }
    #expect(error?.code == .unavailable)
  }

  @Test("What comes after the trailers does not change how a call ended", arguments: [true, false])
  func afterTrailers(isData: Bool) async throws {
    let error = try await outcome { stream in
      RawFrames.headers(stream, Self.head) + RawFrames.data(stream, Self.message)
        + RawFrames.headers(stream, ["grpc-status": "0"], ends: true)
        + (isData
          ? RawFrames.data(stream, Self.message)
          : RawFrames.headers(stream, ["grpc-status": "5"], ends: true))
    }
    #expect(error == nil)
  }

  static let httpStatuses: [(String, StatusCode)] = [
    ("400", .internal), ("401", .unauthenticated), ("403", .permissionDenied),
    ("404", .unimplemented), ("429", .unavailable), ("502", .unavailable), ("503", .unavailable),
    ("504", .unavailable), ("200", .unknown), ("204", .unknown), ("302", .unknown),
    ("405", .unknown), ("415", .unknown), ("431", .unknown), ("500", .unknown), ("599", .unknown),
  ]

  @Test("An answer that is HTTP's alone has the code of its status", arguments: httpStatuses)
  func http(status: String, code: StatusCode) async throws {
    let alone = try await outcome { stream in
      RawFrames.headers(stream, [":status": status, "content-type": "text/html"], ends: true)
    }
    #expect(alone?.code == code, "\(alone as Any)")
    guard status != "204" else { return }  // It has no body in HTTP.
    let page = try await outcome { stream in
      RawFrames.headers(stream, [":status": status, "content-type": "text/html"])
        + RawFrames.data(stream, Array("<html>no</html>".utf8), ends: true)
    }
    #expect(page?.code == code, "\(page as Any)")
  }

  @Test("A status of gRPC's goes before one of HTTP's")
  func bothStatuses() async throws {
    let error = try await outcome { stream in
      RawFrames.headers(
        stream, [":status": "415", "content-type": "application/grpc", "grpc-status": "3"],
        ends: true)
    }
    #expect(error?.code == .invalidArgument)
  }

  @Test(
    "Content types that are not gRPC's are UNKNOWN",
    arguments: ["", "text/plain", "application/grpc-web", "application/grpcx"])
  func contentType(type: String) async throws {
    let error = try await outcome { stream in
      RawFrames.headers(stream, [":status": "200", "content-type": type])
        + RawFrames.data(stream, Self.message)
        + RawFrames.headers(stream, ["grpc-status": "0"], ends: true)
    }
    #expect(error?.code == .unknown)
  }

  @Test(
    "A status that is no number is UNKNOWN, a number without a name is kept",
    arguments: [
      ("", .unknown), ("OK", .unknown), ("-1", .unknown), ("+0", .unknown), ("0x1", .unknown),
      ("1.0", .unknown), ("99999999999999999999", .unknown), ("\u{661}", .unknown),
      ("17", StatusCode(rawValue: 17)), ("999", StatusCode(rawValue: 999)), ("05", .notFound),
    ] as [(String, StatusCode)])
  func status(value: String, code: StatusCode) async throws {
    let error = try await outcome(trailers: ["grpc-status": value])
    #expect(error?.code == code)
  }

  @Test("Trailers without a status, and an end without trailers, are UNKNOWN")
  func noStatus() async throws {
    let without = try await outcome(trailers: ["x-a": "b"])
    #expect(without?.code == .unknown)
    let end = try await outcome { stream in
      RawFrames.headers(stream, Self.head) + RawFrames.data(stream, Self.message, ends: true)
    }
    #expect(end?.code == .unknown)
  }

  @Test(
    "A message is decoded as far as that can be",
    arguments: [
      ("plain", "plain"), ("a%20b", "a b"), ("%0D%0A", "\r\n"), ("%e2%82%ac", "\u{20ac}"),
      ("%F0%9F%98%80", "\u{1f600}"), ("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"),
      ("%%41", "%A"), ("%C3%28", "\u{fffd}("), ("%FF", "\u{fffd}"), ("gr\u{fc}n", "gr\u{fc}n"),
      ("%00", "\u{0}"), ("+", "+"), ("", ""),
    ])
  func statusMessage(wire: String, text: String) async throws {
    let error = try await outcome(trailers: ["grpc-status": "5", "grpc-message": wire])
    #expect(error?.code == .notFound)
    #expect(error?.message == text)
  }

  @Test("Details come with padding or without, and a call is not lost to bad ones")
  func details() async throws {
    for (wire, bytes) in [
      ("CAUSAW4", [8, 5, 18, 1, 110]), ("CAUSAW4=", [8, 5, 18, 1, 110]),
      ("!", []), ("", []),
    ] as [(String, [UInt8])] {
      let error = try await outcome(
        trailers: ["grpc-status": "5", "grpc-status-details-bin": wire])
      #expect(error?.code == .notFound)
      #expect(error?.details == bytes)
    }
  }

  @Test("A message over the limit is RESOURCE_EXHAUSTED, as it is or decompressed")
  func limits() async throws {
    let lies = try await outcome { stream in
      RawFrames.headers(stream, Self.head) + RawFrames.data(stream, [0, 0, 0x40, 0, 1])
    }
    #expect(lies?.code == .resourceExhausted)
    let zeros = [UInt8](repeating: 0, count: 4 << 20 | 1)
    let bomb = try #require(MessageEncoding.gzip.compress(zeros))
    let length = (0..<4).map { UInt8(truncatingIfNeeded: bomb.count >> (24 - 8 * $0)) }
    let explodes = try await outcome { stream in
      RawFrames.headers(
        stream,
        [":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip"])
        + RawFrames.data(stream, [1] + length + bomb)
        + RawFrames.headers(stream, ["grpc-status": "0"], ends: true)
    }
    #expect(explodes?.code == .resourceExhausted)
  }
}
