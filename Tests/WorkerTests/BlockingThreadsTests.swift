import Synchronization
import Testing

@testable import Worker

@Suite("Threads for calls that wait", .timeLimit(.minutes(1)))
struct BlockingThreadsTests {
  @Test("All work is done, never more at once than the limit", arguments: [1, 3])
  func bounds(limit: Int) async {
    let threads = BlockingThreads(label: "test", limit: limit)
    let running = Running()
    let numbers = await withTaskGroup(of: Int.self) { group in
      for number in 0..<200 {
        group.addTask {
          await threads.value {
            running.enter()
            defer { running.leave() }
            return number
          }
        }
      }
      return await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(numbers == Set(0..<200))
    #expect(running.most <= limit)
  }

  @Test("Work that blocks does not hold up other work, up to the limit")
  func runsBeside() async throws {
    let threads = BlockingThreads(label: "test", limit: 3)
    let gates = [Gate(), Gate()]
    for gate in gates { threads.submit { gate.pass() } }
    for gate in gates { try await gate.reached() }
    #expect(await threads.value { 42 } == 42)
    for gate in gates { gate.open() }
  }
}

private final class Running: Sendable {
  private let state = Mutex((now: 0, most: 0))

  var most: Int { state.withLock { $0.most } }

  func enter() {
    state.withLock { state in
      state.now += 1
      state.most = max(state.most, state.now)
    }
  }

  func leave() { state.withLock { $0.now -= 1 } }
}
