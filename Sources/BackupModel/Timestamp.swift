/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
///
/// The cores are handed one with each event and keep no clock of their own.
package struct Timestamp: Hashable, Comparable, Sendable, Codable {
  package var nanosecondsSinceEpoch: Int64

  package init(nanosecondsSinceEpoch: Int64) {
    self.nanosecondsSinceEpoch = nanosecondsSinceEpoch
  }

  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
  }

  /// Saturates at the ends of the representable time (the years 1677 and 2262).
  package func advanced(by duration: Duration) -> Timestamp {
    let (sum, overflow) = nanosecondsSinceEpoch.addingReportingOverflow(duration.nanoseconds)
    guard overflow else { return Timestamp(nanosecondsSinceEpoch: sum) }
    return Timestamp(nanosecondsSinceEpoch: duration < .zero ? .min : .max)
  }

  /// How long after `earlier` this is; negative if before. Saturates.
  package func duration(since earlier: Timestamp) -> Duration {
    let (difference, overflow) = nanosecondsSinceEpoch.subtractingReportingOverflow(
      earlier.nanosecondsSinceEpoch)
    guard overflow else { return .nanoseconds(difference) }
    return .nanoseconds(nanosecondsSinceEpoch < 0 ? Int64.min : Int64.max)
  }
}

extension Duration {
  /// The whole nanoseconds of this duration, saturated to 64 bits (292 years).
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, overflow2) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow2 ? (seconds < 0 ? .min : .max) : sum
  }
}

extension Timestamp: CustomStringConvertible {
  /// RFC 3339 in UTC with whole seconds: `2026-11-22T18:00:01Z`.
  package var description: String {
    let seconds = floorDivide(nanosecondsSinceEpoch, 1_000_000_000)
    let days = floorDivide(seconds, 86_400)
    let secondOfDay = seconds - days * 86_400
    let (year, month, day) = civilDate(daysSinceEpoch: days)
    return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2) + "T"
      + pad(secondOfDay / 3600, 2) + ":" + pad(secondOfDay / 60 % 60, 2) + ":"
      + pad(secondOfDay % 60, 2) + "Z"
  }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  let quotient = value / divisor
  return value % divisor < 0 ? quotient - 1 : quotient
}

private func pad(_ value: Int64, _ width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// The proleptic Gregorian date of a day number, by eras of 400 years that begin on 1 March.
private func civilDate(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let shifted = daysSinceEpoch + 719_468
  let era = floorDivide(shifted, 146_097)
  let dayOfEra = shifted - era * 146_097
  let yearOfEra =
    (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthFromMarch = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
  let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}
