import GRPC
import GRPCTransport
import Testing

@Suite("What becomes of a call whose attempt fails", .timeLimit(.minutes(1)))
struct TransparentRetryTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// The frames that answer the first request, the second, and so on; more are answered well.
    var answers: [@Sendable (_ stream: Int32) -> [UInt8]]
    /// Nil: OK.
    var code: StatusCode?
    var requests: Int
  }

  private static func head(_ stream: Int32) -> [UInt8] {
    RawFrames.headers(stream, [":status": "200", "content-type": "application/grpc"])
  }

  private static func success(_ stream: Int32) -> [UInt8] {
    head(stream) + RawFrames.data(stream, [0, 0, 0, 0, 1, 0x61])
      + RawFrames.headers(stream, ["grpc-status": "0"], ends: true)
  }

  private static func reset(_ stream: Int32, _ code: UInt8) -> [UInt8] {
    RawFrames.frame(3, flags: 0, stream: stream, [0, 0, 0, code])
  }

  /// GOAWAY with NO_ERROR.
  private static func goAway(lastStream: UInt8) -> [UInt8] {
    RawFrames.frame(7, flags: 0, stream: 0, [0, 0, 0, lastStream, 0, 0, 0, 0])
  }

  static let cases = [
    Case(
      testDescription: "REFUSED_STREAM: it is made again",
      answers: [{ reset($0, 7) }], code: nil, requests: 2),
    Case(
      testDescription: "REFUSED_STREAM twice: once again",
      answers: [{ reset($0, 7) }, { reset($0, 7) }], code: .unavailable, requests: 2),
    Case(
      testDescription: "a GOAWAY below its stream: it is made again over another connection",
      answers: [{ _ in goAway(lastStream: 0) }], code: nil, requests: 2),
    Case(
      testDescription: "a GOAWAY with its stream: it goes on",
      answers: [{ goAway(lastStream: 1) + success($0) }], code: nil, requests: 1),
    Case(
      testDescription: "INTERNAL_ERROR: the server may have acted on it",
      answers: [{ reset($0, 2) }], code: .internal, requests: 1),
    Case(
      testDescription: "the connection breaks: the server may have acted on it",
      answers: [{ _ in RawFrames.data(0, [1]) }], code: .unavailable, requests: 1),
    Case(
      testDescription: "REFUSED_STREAM after headers: it was begun",
      answers: [{ head($0) + reset($0, 7) }], code: .unavailable, requests: 1),
    Case(
      testDescription: "headers that are no response: it was answered",
      answers: [{ RawFrames.headers($0, [":status": "200", "content-type": "text/html"]) }],
      code: .unknown, requests: 1),
  ]

  @Test("Without a policy it is made again only if the server has not seen it", arguments: cases)
  func progress(_ one: Case) async throws {
    let requests = Counter()
    let make = { @Sendable in
      try RawFrameServer { stream in
        defer { requests.add(1) }
        let number = requests.value
        return number < one.answers.count ? one.answers[number](stream) : Self.success(stream)
      }
    }
    try await ScriptedServer.serve(by: make) { client in
      var options = CallOptions()
      options.waitsForReady = true
      let patient = options
      let error = await failure {
        let answer: Bytes = try await client.unary(EchoService.say, Bytes("x"), options: patient)
        #expect(answer == "a")
      }
      #expect(error?.code == one.code, "\(error as Any)")
      #expect(requests.value == one.requests)
    }
  }
}
