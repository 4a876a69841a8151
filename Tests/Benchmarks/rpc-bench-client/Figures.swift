/// What a run has shown.
struct Figures {
  var durations: [Duration]
  var messages: Int?
  var elapsed: Duration
  var processorNanoseconds: Int

  /// One line of JSON.
  var json: String {
    let sorted = durations.sorted()
    let fields: [(String, Double)] = [
      ("calls", Double(durations.count)),
      ("messages", Double(durations.count * (messages ?? 1))),
      ("seconds", elapsed / .seconds(1)),
      ("cpu_us_per_call", Double(processorNanoseconds) / 1_000 / Double(max(1, durations.count))),
      ("p50_us", Self.percentile(50, of: sorted)),
      ("p99_us", Self.percentile(99, of: sorted)),
    ]
    return "{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
  }

  private static func percentile(_ percent: Int, of sorted: [Duration]) -> Double {
    guard !sorted.isEmpty else { return 0 }
    return sorted[min(sorted.count - 1, sorted.count * percent / 100)] / .microseconds(1)
  }
}
