/// The value of `grpc-timeout` (PROTOCOL-HTTP2, "Timeout"): one to eight ASCII digits and a unit,
/// of `H` `M` `S` `m` `u` `n`.
public enum Timeout {
  /// The duration that a value names; nil for anything that the grammar does not allow.
  public static func parse(_ value: String) -> Duration? {
    parse(Array(value.utf8).span)
  }

  /// The duration that a value's bytes name; nil for anything that the grammar does not allow.
  static func parse(_ value: Span<UInt8>) -> Duration? {
    guard (2...9).contains(value.count) else { return nil }
    var amount: Int64 = 0
    for index in 0..<value.count - 1 {
      let byte = value[index]
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      amount = amount * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    switch value[value.count - 1] {
    case UInt8(ascii: "H"): return .seconds(amount * 3600)
    case UInt8(ascii: "M"): return .seconds(amount * 60)
    case UInt8(ascii: "S"): return .seconds(amount)
    case UInt8(ascii: "m"): return .milliseconds(amount)
    case UInt8(ascii: "u"): return .microseconds(amount)
    case UInt8(ascii: "n"): return .nanoseconds(amount)
    default: return nil
    }
  }

  /// The value for a duration, in the finest unit that fits, rounded up: a call is never given less
  /// time than asked for. Nothing or less becomes `1n`; more than 99999999 hours that.
  public static func format(_ duration: Duration) -> String {
    guard duration > .zero else { return "1n" }
    let (seconds, attoseconds) = duration.components
    let subsecondUnits: [(unit: String, perSecond: Int64)] = [
      ("n", 1_000_000_000), ("u", 1_000_000), ("m", 1000), ("S", 1),
    ]
    for (unit, perSecond) in subsecondUnits where seconds <= limit / perSecond {
      let attosecondsPerUnit = 1_000_000_000_000_000_000 / perSecond
      let fraction = dividingUp(attoseconds, by: attosecondsPerUnit)
      let amount = seconds * perSecond + fraction
      if amount <= limit { return "\(amount)\(unit)" }
    }
    let wholeSeconds = attoseconds > 0 && seconds < .max ? seconds + 1 : seconds
    let minutes = dividingUp(wholeSeconds, by: 60)
    if minutes <= limit { return "\(minutes)M" }
    return "\(min(dividingUp(wholeSeconds, by: 3600), limit))H"
  }

  private static let limit: Int64 = 99_999_999

  private static func dividingUp(_ value: Int64, by divisor: Int64) -> Int64 {
    value / divisor + (value % divisor > 0 ? 1 : 0)
  }
}
