import HTTP2
import Testing

@testable import GRPC
@testable import GRPCTransport

/// What a connection remembers of a head must not be heard of in another.
@Suite("Request heads of a connection")
struct RequestHeadsTests {
  private typealias Fields = [(name: String, value: String)]

  private static let choices: [(name: String, values: [String])] = [
    (":method", ["POST", "POST", "POST", "GET"]), (":path", ["/s/A", "/s/B", "/s/C", "/s/Long"]),
    ("content-type", ["application/grpc", "application/grpc", "text/plain"]),
    ("grpc-timeout", ["1S", "2S", "200m", "x"]), ("grpc-encoding", ["identity", "gzip", "y"]),
    ("grpc-accept-encoding", ["gzip", "deflate"]), ("grpc-previous-rpc-attempts", ["1", "2"]),
    ("a", ["b", "c", "bc", "\u{1}"]), ("ab", ["c", ""]), ("b-bin", ["AAA", "!"]),
    ("large", [String(repeating: "x", count: 1100), String(repeating: "x", count: 9000)]),
  ]

  private static let reader: RequestHeadReader = {
    var router = Router()
    for name in ["A", "B", "Long"] {
      router.unary(MethodDescriptor(service: "s", method: name, kind: .unary)) {
        (bytes: Bytes, _) in bytes
      }
    }
    return RequestHeadReader(router: router, limits: CallLimits())
  }()

  @Test("each head is as if it came first", arguments: UInt64(1)...30)
  func asIfFirst(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var heads = RequestHeads(Self.reader)
    var fields: Fields = Self.choices.prefix(3).map { ($0.name, $0.values[0]) }
    for _ in 0..<300 {
      Self.change(&fields, &random)
      var first = RequestHeads(Self.reader)
      let block = Self.block(fields)
      let (expected, found) = (Self.answer(block, &first), Self.answer(block, &heads))
      #expect(found == expected, "seed \(seed): \(fields)")
      #expect(Self.path(found) == Self.path(expected), "seed \(seed): \(fields)")
    }
  }

  /// Most heads are as the one before, but for a field.
  private static func change(_ fields: inout Fields, _ random: inout SeededRandom) {
    let (name, values) = choices.randomElement(using: &random) ?? choices[0]
    let value = values.randomElement(using: &random) ?? ""
    let place = fields.firstIndex { $0.name == name }
    switch (Int.random(in: 0..<4, using: &random), place) {
    case (0, let place?): fields.remove(at: place)
    case (1, let place?): fields.swapAt(place, 0)
    case (_, let place?): fields[place].value = value
    case (0, nil): break
    case (_, nil):
      fields.insert((name, value), at: Int.random(in: 0...fields.count, using: &random))
    }
  }

  private static func block(_ fields: Fields) -> HeaderBlock {
    var block = HeaderBlock()
    for (name, value) in fields { block.append(name: name.utf8, value: value.utf8) }
    return block
  }

  private static func answer(
    _ block: HeaderBlock, _ heads: inout RequestHeads
  ) -> Result<RequestHead, RequestRefusal> {
    Result { () throws(RequestRefusal) in try heads.read(block) }
  }

  /// The route is no part of a head's value.
  private static func path(_ answer: Result<RequestHead, RequestRefusal>) -> String? {
    try? answer.get().route?.method.path
  }
}
