import BackupModel
import Testing

@Suite("Timestamps")
struct TimestampTests {
  @Test(
    "A time is written in RFC 3339, also before 1970, in leap years and at a year's end",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"),
      (951_782_400, "2000-02-29T00:00:00Z"), (1_798_761_599, "2026-12-31T23:59:59Z"),
      (-1, "1969-12-31T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
    ])
  func description(_ seconds: Int64, _ text: String) {
    let time = Timestamp(nanosecondsSinceEpoch: seconds * 1_000_000_000)
    #expect(time.description == text)
  }

  @Test("Arithmetic at the ends of time saturates instead of trapping")
  func saturates() {
    let last = Timestamp(nanosecondsSinceEpoch: .max)
    let first = Timestamp(nanosecondsSinceEpoch: .min)
    #expect(last.advanced(by: .seconds(1)) == last)
    #expect(first.advanced(by: .seconds(-1)) == first)
    #expect(last.duration(since: first).nanoseconds == .max)
    #expect(first.duration(since: last).nanoseconds == .min)
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
  }

  @Test("Going forth by a duration and measuring it gives the duration")
  func roundTrip() {
    var seed: Int64 = 88_172_645_463_325_252
    for _ in 0..<1000 {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let start = Timestamp(nanosecondsSinceEpoch: seed >> 3)
      let duration = Duration.nanoseconds(seed >> 4)
      #expect(start.advanced(by: duration).duration(since: start) == duration, "seed \(seed)")
    }
  }
}
