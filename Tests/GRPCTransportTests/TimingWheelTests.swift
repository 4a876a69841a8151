import Testing

@testable import GRPCTransport

@Suite("A timing wheel")
struct TimingWheelTests {
  /// Numbers that look random and are the same each time.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 32 | state << 32
    }
  }

  @Test(
    "what is due happens once, at its tick, whatever is added and taken out meanwhile",
    arguments: 1...20 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var numbers = Numbers(state: seed)
    let start = [0, 63, 4_095, 1 << 40, (1 << 62) - 5][Int(seed % 5)] as UInt64
    var wheel = TimingWheel<Int>(now: start)
    var waiting: [Int: (due: UInt64, ticket: TimingWheel<Int>.Ticket)] = [:]
    var now = start
    for number in 0..<2_000 {
      switch Int.random(in: 0..<10, using: &numbers) {
      case 0..<5:
        let reach = UInt64(1) << UInt64.random(in: 0..<36, using: &numbers)
        let due = now + UInt64.random(in: 0...reach, using: &numbers)
        waiting[number] = (max(due, now + 1), wheel.add(number, at: due))
      case 5..<8:
        guard let key = waiting.keys.sorted().randomElement(using: &numbers),
          let taken = waiting.removeValue(forKey: key)
        else { continue }
        #expect(wheel.remove(taken.ticket) == key)
        #expect(wheel.remove(taken.ticket) == nil)
      default:
        let step = UInt64(1) << UInt64.random(in: 0..<34, using: &numbers)
        let first = waiting.values.map(\.due).min()
        #expect((wheel.next == nil) == (first == nil))
        if let first, let next = wheel.next { #expect(next <= first) }
        now += step
        var happened: [Int] = []
        var last: UInt64 = 0
        wheel.advance(to: now) { value in
          let due = waiting[value]?.due ?? 0
          #expect(due >= last)
          last = due
          happened.append(value)
        }
        let due = waiting.filter { $0.value.due <= now }.keys
        #expect(happened.sorted() == due.sorted())
        for value in due { waiting[value] = nil }
      }
      #expect(wheel.count == waiting.count)
    }
  }

  @Test(
    "waiting until the time it names ends with nothing left", arguments: [1, 64, 5_000, 1 << 35])
  func namesItsTime(due: UInt64) {
    var wheel = TimingWheel<Int>(now: 7)
    _ = wheel.add(1, at: due + 7)
    var looks = 0
    var happened = 0
    while let next = wheel.next {
      looks += 1
      wheel.advance(to: next) { happened += $0 }
    }
    #expect(happened == 1)
    #expect(wheel.now == due + 7)
    #expect(looks <= 11)
  }

  @Test("a ticket of something that has happened does not take out what came after it")
  func staleTicket() {
    var wheel = TimingWheel<Int>(now: 0)
    let first = wheel.add(1, at: 1)
    wheel.advance(to: 1) { _ in }
    let second = wheel.add(2, at: 5)
    #expect(wheel.remove(first) == nil)
    #expect(wheel.remove(second) == 2)
  }
}
