import GRPC
import NIOCore
import Testing

@testable import GRPCTransport

@Suite("A request's pace")
struct RequestPaceTests {
  private static func rules(_ seconds: Int, rate: Int = 240) throws -> ProgressRules {
    var pace = RequestPace()
    pace.stallTimeout = .seconds(seconds)
    pace.leastBytesPerSecond = rate
    return try #require(ProgressRules(pace))
  }

  /// Looks each second at what `thing` says of that second; when it had stalled first.
  private func stall(
    _ rules: ProgressRules, until end: Int = 100, _ thing: (Int) -> (number: Int, bytes: Int)?
  ) -> Int? {
    var watch = ProgressWatch()
    return (0..<end).first { second in
      let seen = thing(second).map { MessageUnderWay(number: $0.number, bytes: $0.bytes) }
      return watch.hasStalled(
        seen, at: .uptimeNanoseconds(1) + .seconds(Int64(second)), rules)
    }
  }

  @Test("What does not grow has stalled after the interval")
  func still() throws {
    #expect(stall(try Self.rules(30)) { _ in (0, 7) } == 30)
    #expect(stall(try Self.rules(30)) { $0 < 5 ? nil : (0, 7) } == 35)
  }

  @Test("What grows at the least rate goes on, what grows more slowly has stalled")
  func rate() throws {
    #expect(stall(try Self.rules(10, rate: 8)) { (0, 8 * $0) } == nil)
    #expect(stall(try Self.rules(10, rate: 8)) { (0, 7 * $0) } == 10)
    #expect(stall(try Self.rules(10, rate: 0)) { (0, $0) } == nil)
    #expect(stall(try Self.rules(10, rate: .max)) { (0, 1_000_000 * $0) } == 10)
    #expect(stall(try Self.rules(10, rate: .min)) { _ in (0, 0) } == 10)
  }

  @Test("Another message is a new beginning, and so is what comes after nothing was awaited")
  func beginnings() throws {
    #expect(stall(try Self.rules(10)) { ($0 / 9, 1) } == nil)
    #expect(stall(try Self.rules(10)) { $0 % 9 == 0 ? nil : (0, 1) } == nil)
  }

  @Test("No time-out, no rules; and none is no time at all")
  func extremes() {
    var pace = RequestPace()
    pace.stallTimeout = nil
    #expect(ProgressRules(pace) == nil)
    pace.stallTimeout = .seconds(-1)
    #expect(ProgressRules(pace)?.interval == .milliseconds(1))
    pace.stallTimeout = .seconds(Int64.max)
    #expect(ProgressRules(pace).map { $0.interval > .hours(24 * 365) && $0.leastBytes > 0 } == true)
  }
}
