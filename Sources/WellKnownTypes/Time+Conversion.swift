extension GoogleProtobuf.Timestamp {
  /// From nanoseconds since 1970-01-01T00:00:00Z.
  public init(nanosecondsSinceEpoch: Int64) {
    let (seconds, nanoseconds) = nanosecondsSinceEpoch.floorDivided(by: 1_000_000_000)
    self.init(seconds: seconds, nanos: Int32(nanoseconds))
  }

  /// Nanoseconds since 1970-01-01T00:00:00Z. Nil: not a valid timestamp (timestamp.proto), or outside of the years
  /// 1677 to 2262.
  public var nanosecondsSinceEpoch: Int64? {
    guard (0..<1_000_000_000).contains(nanos) else { return nil }
    // For a negative time one second goes to the rest, so that the earliest one does not overflow half-way.
    let (product, overflow) = (seconds + (seconds < 0 ? 1 : 0))
      .multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return nil }
    let rest = seconds < 0 ? Int64(nanos) - 1_000_000_000 : Int64(nanos)
    let (sum, overflow2) = product.addingReportingOverflow(rest)
    return overflow2 ? nil : sum
  }
}

extension GoogleProtobuf.Duration {
  /// To the nanosecond, towards zero. The durations of duration.proto end at 10 000 years: longer ones saturate.
  public init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    guard seconds.magnitude <= Self.maximumSeconds.magnitude else {
      self.init(seconds: seconds < 0 ? -Self.maximumSeconds : Self.maximumSeconds)
      return
    }
    self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
  }

  /// Nil: not a valid duration: out of range, or seconds and nanoseconds of different signs (duration.proto).
  public var duration: Duration? {
    guard seconds.magnitude <= Self.maximumSeconds.magnitude, nanos.magnitude < 1_000_000_000,
      seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    else { return nil }
    return .seconds(seconds) + .nanoseconds(Int64(nanos))
  }

  private static let maximumSeconds: Int64 = 315_576_000_000
}

extension Int64 {
  fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
