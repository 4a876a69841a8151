import NIOPosix
import Synchronization
import Testing

@testable import GRPC
@testable import GRPCTransport

@Suite("Calls on an event loop", .timeLimit(.minutes(1)))
struct EventLoopRuntimeTests {
  @Test(
    "Callers that go on in one turn of the loop get their own results, each once",
    arguments: [1, 2, 50])
  func callers(count: Int) async throws {
    let runtime = EventLoopRuntime(MultiThreadedEventLoopGroup.singleton.next())
    let waiting = Waiting()
    let results = await withTaskGroup(of: (Int, [UInt8]?).self) { group in
      for number in 0..<count {
        group.addTask {
          let message = try? await withUnsafeThrowingContinuation { continuation in
            let result: Result<InboundMessage?, any Error> =
              number % 2 == 0
              ? .success(InboundMessage(payload: [UInt8(number)], encoding: .identity))
              : .failure(RPCError.cancelled)
            let callers = waiting.add(WaitingCaller(continuation: continuation, result: result))
            guard callers.count == count else { return }
            runtime.eventLoop.execute { for caller in callers { runtime.resume(caller) } }
          }
          return (number, message?.payload)
        }
      }
      return await group.reduce(into: [Int: [UInt8]?]()) { $0[$1.0] = $1.1 }
    }
    #expect(results.count == count)
    for (number, payload) in results {
      #expect(payload == (number % 2 == 0 ? [UInt8(number)] : nil))
    }
  }

  @Test("A call that has ended is not kept until its deadline", arguments: [true, false])
  func letsGo(succeeds: Bool) async throws {
    try await Fixture.run { fixture in
      weak var kept: ReceivedMetadata?
      do {
        var options = CallOptions(timeout: .seconds(3_600))
        let received = ReceivedMetadata()
        options.received = received
        kept = received
        let call = Task { [options] in
          let method = succeeds ? EchoService.say : EchoService.hang
          let _: Bytes = try await fixture.client.unary(method, Bytes("x"), options: options)
        }
        if !succeeds {
          await fixture.service.began.wait()
          call.cancel()
        }
        _ = await call.result
      }
      await fixture.client.close()
      // Turns of the loop, in which the last of it is forgotten.
      while kept != nil {
        try Task.checkCancellation()
        await Task.yield()
      }
    }
  }
}

private final class Waiting: Sendable {
  private let callers = Mutex<[WaitingCaller]>([])

  /// Answers all that wait.
  func add(_ caller: WaitingCaller) -> [WaitingCaller] {
    callers.withLock { callers in
      callers.append(caller)
      return callers
    }
  }
}
