import GRPC
import GRPCTransport
import Testing

/// A well-behaved client beside an attack.
enum Bystander {
  /// How long its calls took, in order of length.
  struct Latencies {
    private let sorted: [Duration]

    init(_ durations: [Duration]) { sorted = durations.sorted() }

    var median: Duration { sorted[sorted.count / 2] }
    var p99: Duration { sorted[sorted.count * 99 / 100] }
  }

  /// Makes calls one after the other; all must succeed.
  static func call(_ client: GRPCClient, times: Int = 100) async throws -> Latencies {
    var durations: [Duration] = []
    let clock = ContinuousClock()
    for number in 0..<times {
      let begin = clock.now
      let answer: Bytes = try await client.unary(EchoService.say, Bytes("\(number)"))
      durations.append(clock.now - begin)
      #expect(answer.text == "\(number)")
    }
    return Latencies(durations)
  }

  /// Runs `attack` over and over while the client calls; answers how often it ran, which is at
  /// least once.
  ///
  /// The medians are compared, and generously: the machine has other things to do. A server that
  /// works off an attack before it turns to others is slower by far more.
  @discardableResult
  static func watch(
    _ name: String, _ fixture: Fixture, attack: @escaping @Sendable () async throws -> Void
  ) async throws -> Int {
    let before = try await call(fixture.client)
    let isOver = Signal()
    async let rounds = {
      var rounds = 0
      repeat {
        try await attack()
        rounds += 1
      } while !isOver.hasFired
      return rounds
    }()
    let during: Latencies
    do {
      during = try await call(fixture.client)
      isOver.fire()
    } catch {
      isOver.fire()
      throw error
    }
    let count = try await rounds
    print(
      "\(name): \(count) attacks; median \(before.median) → \(during.median),",
      "p99 \(before.p99) → \(during.p99)")
    #expect(during.median < before.median * 20 + .milliseconds(50))
    return count
  }
}
