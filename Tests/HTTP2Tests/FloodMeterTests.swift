import Testing

@testable import HTTP2

@Suite("The meter of floods")
struct FloodMeterTests {
  private var meter = FloodMeter(allowance: 3)

  @Test("the allowance is borne, and not one frame more")
  mutating func allowance() {
    for _ in 0..<3 { meter.idle() }
    #expect(!meter.isExhausted)
    meter.idle()
    #expect(meter.isExhausted)
  }

  @Test("a useful thing pays for two idle frames, and no store is laid up")
  mutating func credit() {
    for _ in 0..<3 { meter.idle() }
    meter.useful()
    for _ in 0..<2 { meter.idle() }
    #expect(!meter.isExhausted)
    for _ in 0..<100 { meter.useful() }
    for _ in 0..<3 { meter.idle() }
    #expect(!meter.isExhausted)
    meter.idle()
    #expect(meter.isExhausted)
  }

  @Test("time fills the allowance, but forgives nobody")
  mutating func renewal() {
    for _ in 0..<3 { meter.idle() }
    meter.renew()
    for _ in 0..<3 { meter.idle() }
    #expect(!meter.isExhausted)
    meter.idle()
    meter.renew()
    #expect(meter.isExhausted)
  }
}
