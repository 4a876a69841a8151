import BenchmarkMessages
import GRPC
import GRPCTransport

/// What each caller does, over and over: one call, checked.
struct Load: Sendable {
  var client: BenchV1.EchoServiceClient
  var request: [UInt8]
  var responseSize: Int
  /// Messages of each streaming call; nil: calls are unary.
  var messages: Int?
  var timeout = Duration.seconds(60)

  /// Makes `total` calls, at most `concurrency` at once, and returns each one's duration.
  func run(_ total: Int, concurrency: Int) async throws -> [Duration] {
    try await withThrowingTaskGroup(of: [Duration].self) { group in
      for caller in 0..<concurrency {
        let share = total * (caller + 1) / concurrency - total * caller / concurrency
        group.addTask {
          var durations: [Duration] = []
          durations.reserveCapacity(share)
          for _ in 0..<share {
            let start = ContinuousClock.now
            try await call()
            durations.append(.now - start)
          }
          return durations
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  private nonisolated(nonsending) func call() async throws {
    let options = CallOptions(timeout: timeout)
    guard let messages else {
      let response = try await client.echo(
        BenchV1.EchoRequest(payload: request, responseSize: UInt32(responseSize)), options: options)
      return try check(response)
    }
    let received = try await client.stream(
      BenchV1.StreamRequest(count: UInt32(messages), responseSize: UInt32(responseSize)),
      options: options
    ) { responses in
      var count = 0
      for try await response in responses {
        try check(response)
        count += 1
      }
      return count
    }
    if received != messages { throw WrongAnswer("\(received) messages came, not \(messages)") }
  }

  private func check(_ response: BenchV1.EchoResponse) throws(WrongAnswer) {
    guard response.payload.count == responseSize else {
      throw WrongAnswer("\(response.payload.count) bytes came, not \(responseSize)")
    }
  }
}

/// The server did not do what it was asked: its figures would mean nothing.
struct WrongAnswer: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
