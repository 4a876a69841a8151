import Testing

@testable import GRPCTransport

@Suite("Connection backoff")
struct ConnectionBackoffTests {
  @Test("The delays grow by 1.6 from 1 s to 120 s")
  func growth() {
    let backoff = ConnectionBackoff()
    let delays = (1...40).map { backoff.delay(afterFailures: $0, random: 0) }
    #expect(delays[0] == .seconds(1))
    #expect(isClose(delays[1], .seconds(1.6)))
    #expect(delays[39] == .seconds(120))
    for (a, b) in zip(delays, delays.dropFirst()) { #expect(a <= b) }
  }

  @Test("The jitter is a fifth, either way", arguments: [1, 2, 7, 1_000_000])
  func jitter(failures: Int) {
    let backoff = ConnectionBackoff()
    let middle = backoff.delay(afterFailures: failures, random: 0)
    #expect(isClose(backoff.delay(afterFailures: failures, random: 1), middle * 1.2))
    #expect(isClose(backoff.delay(afterFailures: failures, random: -1), middle * 0.8))
  }

  private func isClose(_ a: Duration, _ b: Duration) -> Bool {
    a > b - .microseconds(1) && a < b + .microseconds(1)
  }
}
