import GRPC
import GRPCTransport
import Synchronization
import Testing

/// Fails calls with the pushback that it was given for each attempt, and answers those beyond.
private struct BusyService: RPCService {
  static let ask = MethodDescriptor(service: "test.Busy", method: "Ask", kind: .unary)

  let pushbacks: [RetryPushback]
  /// What each call that came said of those before it.
  let attempts = Attempts()

  final class Attempts: Sendable {
    private let seen = Mutex<[Int]>([])
    var all: [Int] { seen.withLock { $0 } }
    func add(_ attempts: Int) { seen.withLock { $0.append(attempts) } }
  }

  func register(in router: inout Router) {
    router.unary(Self.ask) { (request: Bytes, context) -> Bytes in
      attempts.add(context.previousAttempts)
      guard context.previousAttempts < pushbacks.count else { return request }
      context.setRetryPushback(pushbacks[context.previousAttempts])
      throw RPCError(.unavailable, "busy")
    }
  }
}

@Suite("Retries as a server wants them, over sockets", .timeLimit(.minutes(2)))
struct RetryPushbackTests {
  /// Its own backoff is longer than any call.
  private var patient: ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.retries.others = RetryPolicy(
      maximumAttempts: 5, initialBackoff: .seconds(3_600), maximumBackoff: .seconds(3_600))
    return configuration
  }

  private func run(
    _ pushbacks: [RetryPushback], _ body: (GRPCClient) async throws -> Void
  ) async throws -> [Int] {
    let service = BusyService(pushbacks: pushbacks)
    var router = Router()
    router.add(service)
    let server = try await GRPCServer.start(router, on: SocketKind.unix.free())
    let client = GRPCClient(server.endpoint, configuration: patient)
    let error = await failure { try await body(client) }
    await client.close()
    await server.shutdown(within: .zero)
    if let error { throw error }
    return service.attempts.all
  }

  @Test("A handler says when the call is to come again, and sees how often it was made before")
  func after() async throws {
    let attempts = try await run([.after(.zero), .after(.milliseconds(1))]) { client in
      let answer: Bytes = try await client.unary(
        BusyService.ask, Bytes("q"), options: CallOptions(timeout: .seconds(60)))
      #expect(answer == "q")
    }
    #expect(attempts == [0, 1, 2])
  }

  @Test("A call that is not to come again fails with its first attempt's status")
  func never() async throws {
    let attempts = try await run([.never]) { client in
      let error = await failure {
        let _: Bytes = try await client.unary(
          BusyService.ask, Bytes("q"), options: CallOptions(timeout: .seconds(60)))
      }
      #expect(error == RPCError(.unavailable, "busy"))
    }
    #expect(attempts == [0])
  }
}
