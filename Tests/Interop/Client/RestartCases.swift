import GRPC
import InteropMessages

/// Cases where the server goes away in the middle; not among gRPC's own. They need an operator:
/// they say on standard output what is to be done to the server, and go on when a line comes in.
extension Peer {
  /// The server is killed under a stream, and later started again at the same address.
  func killedServer() async throws {
    try await expectStatus(.unavailable) {
      try await service.fullDuplexCall { requests, responses in
        try await requests.write(.init(sending: 8, asking: 9))
        for try await response in responses {
          try expect(response.payload, is: .init(zeros: 9))
          Operator.ask("kill")
        }
      }
    }
    try await expectStatus(.unavailable) { try await emptyUnary() }
    try await waitForReady()
  }

  /// The server shuts down with grace under a stream, which goes on to its end, and is later
  /// started again at the same address.
  func drainedServer() async throws {
    try await service.fullDuplexCall { requests, responses in
      var answers = responses.makeAsyncIterator()
      for turn in 0..<4 {
        if turn == 2 { Operator.ask("drain") }
        try await requests.write(.init(sending: 8, asking: 9))
        try expect(try await answers.next()?.payload, is: .init(zeros: 9))
      }
      requests.finish()
      guard try await answers.next() == nil else { throw Mismatch("there is a fifth response") }
    }
    try await waitForReady()
  }

  /// A call that waits for a server, and one that comes after it.
  private func waitForReady() async throws {
    async let waiting = service.unaryCall(.large, options: .waiting)
    Operator.ask("start")
    try await waiting.expectLarge()
    try await largeUnary()
  }
}

extension CallOptions {
  fileprivate static var waiting: CallOptions {
    var options = CallOptions(timeout: .seconds(30))
    options.waitsForReady = true
    return options
  }
}

/// Whoever runs the server.
private enum Operator {
  /// Says what is to be done, and returns when it is done.
  static func ask(_ deed: String) {
    Output.line("DO \(deed)")
    _ = readLine()
  }
}
