/// How amounts are shown to people; machines get plain numbers.
enum Quantities {
  /// `1.4 GiB`, `512 B`: three digits, binary units.
  static func bytes(_ count: UInt64) -> String {
    var value = Double(count)
    for unit in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
      if value < 1000 || unit == "PiB" {
        let digits = unit == "B" || value >= 100 ? 0 : 1
        return fixed(value, digits: digits) + " " + unit
      }
      value /= 1024
    }
    return "\(count) B"
  }

  /// `2:05`, `1:00:09`: hours only where there are some.
  static func clock(seconds: Int64) -> String {
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
    return hours > 0
      ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
  }

  private static func fixed(_ value: Double, digits: Int) -> String {
    let scale = digits == 0 ? 1.0 : 10.0
    let scaled = Int64((value * scale).rounded())
    return digits == 0 ? "\(scaled)" : "\(scaled / 10).\(scaled % 10)"
  }
}
