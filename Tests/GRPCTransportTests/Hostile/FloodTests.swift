import GRPC
import GRPCTransport
import HTTP2
import Testing

/// A peer that sends one thing without end.
struct Flood: Sendable, CustomTestStringConvertible {
  var testDescription: String
  /// One of these the server must say in its GOAWAY; nil: it says none, since the peer has said one.
  var refusals: [HTTP2ErrorCode?]
  var opening: [UInt8] = []
  /// The numbered step of the flood.
  var step: @Sendable (UInt32) -> [UInt8]

  init(
    _ name: String, _ refusals: [HTTP2ErrorCode?] = [.enhanceYourCalm], opening: [UInt8] = [],
    step: @escaping @Sendable (UInt32) -> [UInt8]
  ) {
    testDescription = name
    self.refusals = refusals
    self.opening = opening
    self.step = step
  }

  private static let openStream = Frames.headers(1, "/test.Echo/Join")
  private static let eightBytes = [UInt8](repeating: 7, count: 8)

  static let all: [Flood] = [
    Flood("pings") { _ in Frames.frame(.ping, eightBytes) },
    Flood("answers to no ping") { _ in
      Frames.frame(.ping, flags: Frames.acknowledgement, eightBytes)
    },
    Flood("empty settings") { _ in Frames.frame(.settings) },
    Flood("header tables that grow and shrink") { Frames.settings([1: $0 % 2 * .max]) },
    Flood("windows that grow and shrink", opening: openStream) {
      Frames.settings([4: $0 % 2 * 0x7fff_ffff])
    },
    Flood("priorities") { Frames.frame(.priority, stream: Frames.id($0), [0, 0, 0, 0, 1]) },
    Flood("window updates") { _ in Frames.windowUpdate(0, 1) },
    Flood("window updates of a stream", opening: openStream) { _ in Frames.windowUpdate(1, 1) },
    Flood("frames of no known type") { _ in Frames.frame(0xee, [1, 2, 3]) },
    Flood("empty data", opening: openStream) { _ in Frames.data(1, []) },
    Flood("data of padding alone", opening: openStream) { _ in
      Frames.frame(.data, flags: Frames.padded, stream: 1, [0])
    },
    Flood("empty data of a stream that is over", opening: openStream + Frames.reset(1)) { _ in
      Frames.data(1, [])
    },
    Flood("data of a stream that is over", opening: openStream + Frames.reset(1)) { _ in
      Frames.data(1, [0])
    },
    Flood("resets of a stream that is over", opening: openStream + Frames.reset(1)) { _ in
      Frames.reset(1)
    },
    Flood("resets of streams that never were", [.protocolError]) { Frames.reset(Frames.id($0)) },
    Flood(
      "headers of a stream that is over", [.enhanceYourCalm, .streamClosed], opening: Frames.call(1)
    ) { _ in
      Frames.headers(1, ends: true)
    },
    // The first ends the connection, unless too many come with it.
    Flood("goodbyes", [nil, .enhanceYourCalm]) { _ in
      Frames.frame(.goAway, Frames.big(0) + Frames.big(0))
    },
    // nghttp2's own defences say INTERNAL_ERROR.
    Flood("rapid reset", [.internalError, .enhanceYourCalm]) {
      Frames.headers(Frames.id($0)) + Frames.reset(Frames.id($0))
    },
    Flood("rapid reset of running handlers", [.internalError, .enhanceYourCalm]) {
      Frames.headers(Frames.id($0), "/test.Echo/Ignore") + Frames.reset(Frames.id($0))
    },
    Flood("streams without end, settings never acknowledged") {
      Frames.headers(Frames.id($0), "/test.Echo/Join")
    },
    Flood(
      "continuations without end", [.internalError],
      opening: Frames.frame(.headers, stream: 1, Frames.block("/test.Echo/Say"))
    ) { _ in
      Frames.frame(.continuation, stream: 1)
    },
    Flood(
      "continuations with a field each", [.internalError],
      opening: Frames.frame(.headers, stream: 1, Frames.block("/test.Echo/Say"))
    ) { _ in
      Frames.frame(.continuation, stream: 1, Frames.literal("x", "y"))
    },
    Flood("requests that are malformed") {
      Frames.headers(Frames.id($0), ends: true, Frames.literal("UPPER", "case"))
    },
    Flood("requests that end by a window overflow") {
      Frames.headers(Frames.id($0), "/test.Echo/Join")
        + Frames.windowUpdate(Frames.id($0), 0x7fff_ffff)
    },
  ]

  /// Sends until the server closes the connection, or until `limit` bytes are taken.
  func run(_ endpoint: SocketEndpoint, limit: Int = 32 << 20) async throws -> FrameLog.Contents {
    try await RawPeer.with(endpoint, sending: Frames.preface + opening) { peer in
      var number: UInt32 = 0
      var sent = 0
      while sent < limit, !peer.log.contents.isClosed {
        var batch: [UInt8] = []
        for _ in 0..<100 {
          batch += step(number)
          number += 1
        }
        guard await peer.send(batch) else { break }
        sent += batch.count
      }
      #expect(sent < limit, "\(number) steps, and the server takes more")
      if sent >= limit { return peer.log.contents }
      return await peer.log.waitUntilClosed()
    }
  }
}

@Suite("A flood", .timeLimit(.minutes(2)), .serialized)
struct FloodTests {
  @Test(
    "A flood is refused by its code within a bound, while another client keeps its latency",
    arguments: Flood.all)
  func flood(_ flood: Flood) async throws {
    var configuration = ServerConfiguration()
    // The handlers that one flood leaves behind never end: those of many floods would fill the server.
    configuration.maximumAbandonedHandlers = .max
    try await Fixture.run(.tcp, server: configuration) { fixture in
      try await Bystander.watch(flood.testDescription, fixture) {
        let heard = try await flood.run(fixture.server.endpoint)
        #expect(flood.refusals.contains { $0?.rawValue == heard.goAway }, "\(heard)")
      }
    }
  }
}
