import Testing

@testable import GRPCTransport

@Suite("Memory held")
struct HeldMemoryTests {
  @Test("It is time to count once a portion has moved since the last count")
  func portions() {
    var memory = HeldMemory(limit: 1)
    let isTime = [HeldMemory.portion - 1, 1].map { memory.move($0) }
    #expect(isTime == [false, true])
    _ = memory.count(0)
    #expect(!memory.isStale)
    let isTimeAgain = memory.move(1)
    #expect(!isTimeAgain)
    #expect(memory.isStale)
  }

  @Test("It is time to count once the open calls have grown by a portion since the last count")
  func ownBytes() {
    var memory = HeldMemory(limit: 1)
    let half = HeldMemory.portion / 2
    let isTime = [half, half - 1, 1].map { memory.open($0) }
    #expect(isTime == [false, false, true])
    _ = memory.count(0)
    memory.close(half)
    #expect(memory.isStale)
    let isTimeAgain = [half, half, half].map { memory.open($0) }
    #expect(isTimeAgain == [false, false, true])
  }

  @Test("The bound is exceeded by what is more than it, and nearly full from seven eighths of it")
  func limit() {
    var memory = HeldMemory(limit: 16)
    var seen: [[Bool]] = []
    let changes = [14, 15, 16, 17, 3].map { bytes in
      let change = memory.count(bytes)
      seen.append([memory.isNearlyFull, memory.isExceeded])
      return change
    }
    #expect(changes == [14, 1, 1, 1, -14])
    #expect(
      seen == [[false, false], [true, false], [true, false], [true, true], [false, false]])
  }

  @Test("A server's bound is of the sum of its connections")
  func sum() {
    let budget = MemoryBudget(limit: 10)
    var one = HeldMemory(limit: 100)
    var other = HeldMemory(limit: 100)
    budget.change(by: one.count(6))
    budget.change(by: other.count(6))
    #expect(budget.isExceeded)
    #expect(budget.share(among: 2) == 5)
    budget.change(by: one.count(0))
    #expect(!budget.isExceeded)
  }
}
