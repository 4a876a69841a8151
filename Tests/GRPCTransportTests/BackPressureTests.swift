import GRPC
import GRPCTransport
import Testing

@Suite("Back-pressure", .timeLimit(.minutes(1)))
struct BackPressureTests {
  /// A window, two queues, and a message that is whole or not at all.
  static let bound = (1 << 20) + 4 * (64 << 10)

  @Test(
    "A server that nobody reads from waits, and goes on once it is read",
    arguments: SocketKind.allCases)
  func reader(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      try await fixture.client.serverStreaming(EchoService.pour, Bytes("")) {
        (responses: ResponseStream<Bytes>) in
        try await settle(fixture) { fixture.service.poured.value }
        let ahead = fixture.service.poured.value * (64 << 10)
        #expect(ahead > 0 && ahead <= Self.bound, "\(ahead) bytes were written ahead")
        var total = 0
        for try await response in responses { total += response.bytes.count }
        #expect(total == 100 * (64 << 10))
      }
    }
  }

  @Test(
    "A client that nobody reads from waits, and goes on once it is read",
    arguments: SocketKind.allCases)
  func writer(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      let written = Counter()
      async let answer: Bytes = fixture.client.clientStreaming(EchoService.ignore) {
        (requests: RequestWriter<Bytes>) in
        for _ in 0..<100 {
          try await requests.write(Bytes(count: 64 << 10))
          written.add(1)
        }
      }
      try await settle(fixture) { written.value }
      let ahead = written.value * (64 << 10)
      #expect(ahead > 0 && ahead <= Self.bound, "\(ahead) bytes were written ahead")
      fixture.service.gate.fire()
      let total = try await answer.text
      #expect(total == "\(100 * (64 << 10))")
    }
  }

  /// Returns when a count has stopped: the same over many round trips on the same connection.
  private func settle(_ fixture: Fixture, _ count: () -> Int) async throws {
    var last = -1
    var same = 0
    while same < 200 {
      let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes("turn"))
      let now = count()
      same = now == last && now > 0 ? same + 1 : 0
      last = now
    }
  }
}
