import GRPC
import Testing

@Suite("grpc-timeout")
struct TimeoutTests {
  @Test(
    "the grammar's values are read",
    arguments: [
      ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)),
      ("4m", .milliseconds(4)), ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("0S", .zero),
      ("00000001S", .seconds(1)), ("99999999H", .seconds(99_999_999 * 3600)),
      ("99999999n", .nanoseconds(99_999_999)),
    ])
  func valid(value: String, duration: Duration) {
    #expect(Timeout.parse(value) == duration)
  }

  @Test(
    "anything else is refused",
    arguments: [
      "", "S", "1", "123456789S", "999999999999999999999999H", "-1S", "+1S", "1s", "1 S", " 1S",
      "1S ", "1.5S", "1e3S", "0x1S", "١S", "1SS", "1H1M", "n1", "1\u{0}S", "1µ",
    ])
  func invalid(value: String) {
    #expect(Timeout.parse(value) == nil)
  }

  @Test("any bytes are read or refused")
  func hostile() {
    for seed in UInt64(1)...300 {
      var random = SeededRandom(seed: seed)
      let alphabet = Array("0129HMSmun -+.\u{0}é".unicodeScalars)
      var value = ""
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        value.unicodeScalars.append(alphabet.randomElement(using: &random) ?? "0")
      }
      guard let duration = Timeout.parse(value) else { continue }
      #expect(duration >= .zero && value.utf8.count <= 9, "seed \(seed)")
    }
  }

  @Test("a written timeout is never shorter, and longer by less than a part in 100,000")
  func roundTrip() throws {
    for seed in UInt64(1)...500 {
      var random = SeededRandom(seed: seed)
      let seconds = Int64.random(
        in: 0...(1 << Int64.random(in: 0...38, using: &random)), using: &random)
      let duration = Duration(
        secondsComponent: seconds,
        attosecondsComponent: Int64.random(in: 1...999_999_999_999_999_999, using: &random))
      let value = Timeout.format(duration)
      let read = try #require(Timeout.parse(value), "seed \(seed): \(value)")
      #expect(read >= duration, "seed \(seed)")
      #expect(read - duration < .nanoseconds(1) + duration / 100_000, "seed \(seed): \(value)")
    }
  }

  @Test(
    "the ends of the range",
    arguments: [
      (Duration.zero, "1n"), (.seconds(-5), "1n"), (.nanoseconds(1), "1n"),
      (.nanoseconds(99_999_999), "99999999n"), (.nanoseconds(100_000_000), "100000u"),
      (.seconds(1), "1000000u"), (.seconds(100), "100000m"), (.seconds(99_999_999), "99999999S"),
      (.seconds(Int64.max), "99999999H"), (.seconds(Int64.min), "1n"),
    ])
  func ends(duration: Duration, value: String) {
    #expect(Timeout.format(duration) == value)
  }
}
