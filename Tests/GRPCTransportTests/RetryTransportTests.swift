import GRPC
import GRPCTransport
import Testing

@Suite("Calls made again over sockets", .timeLimit(.minutes(2)))
struct RetryTransportTests {
  private var hasty: ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.backoff.first = .milliseconds(5)
    configuration.backoff.longest = .milliseconds(20)
    return configuration
  }

  /// Returns once a call has come through.
  private func reach(_ client: GRPCClient) async throws {
    var options = CallOptions(timeout: .seconds(30))
    options.waitsForReady = true
    let _: Bytes = try await client.unary(EchoService.say, Bytes("through"), options: options)
  }

  /// Calls from several tasks until `isOver` has fired; answers how many calls there were, and how
  /// those ended that failed.
  private func load(
    _ client: GRPCClient, callers: Int, until isOver: Signal
  ) async -> (calls: Int, failures: [RPCError]) {
    await withTaskGroup(of: (Int, [RPCError]).self) { group in
      for _ in 0..<callers {
        group.addTask {
          var options = CallOptions(timeout: .seconds(60))
          options.waitsForReady = true
          let patient = options
          var calls = 0
          var failures: [RPCError] = []
          while !isOver.hasFired, !Task.isCancelled {
            let error = await failure {
              let answer: Bytes = try await client.unary(
                EchoService.say, Bytes("x"), options: patient)
              if answer != "x" { throw RPCError(.dataLoss, "another answer") }
            }
            calls += 1
            if let error { failures.append(error) }
          }
          return (calls, failures)
        }
      }
      return await group.reduce(into: (0, [])) { total, next in
        total.0 += next.0
        total.1 += next.1
      }
    }
  }

  @Test("No call is lost while a server drains and another takes its place, again and again")
  func drain() async throws {
    let endpoint = SocketKind.unix.free()
    let client = GRPCClient(endpoint, configuration: hasty)
    var server = try await GRPCServer.start(router(EchoService()), on: endpoint)
    try await reach(client)
    let isOver = Signal()
    async let result = load(client, callers: 16, until: isOver)
    for _ in 0..<10 {
      await server.shutdown(within: .seconds(30))
      server = try await GRPCServer.start(router(EchoService()), on: endpoint)
      try await reach(client)
    }
    isOver.fire()
    let (calls, failures) = await result
    #expect(failures.isEmpty, "\(failures.first as Any), \(failures.count) of \(calls)")
    #expect(calls > 16)
    await client.close()
    await server.shutdown(within: .zero)
  }

  @Test("With a policy no call is lost when servers are cut off, either")
  func cutOff() async throws {
    let endpoint = SocketKind.unix.free()
    var configuration = hasty
    configuration.retries.others = RetryPolicy(
      maximumAttempts: 5, initialBackoff: .milliseconds(10))
    configuration.retries.throttling = nil
    let client = GRPCClient(endpoint, configuration: configuration)
    var server = try await GRPCServer.start(router(EchoService()), on: endpoint)
    try await reach(client)
    let isOver = Signal()
    async let result = load(client, callers: 8, until: isOver)
    for _ in 0..<4 {
      await server.shutdown(within: .zero)
      server = try await GRPCServer.start(router(EchoService()), on: endpoint)
      try await reach(client)
    }
    isOver.fire()
    let (calls, failures) = await result
    #expect(failures.isEmpty, "\(failures.first as Any), \(failures.count) of \(calls)")
    await client.close()
    await server.shutdown(within: .zero)
  }
}
