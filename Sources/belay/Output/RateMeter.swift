/// Bytes a second over the last few seconds, from a counter read at irregular times.
struct RateMeter {
  private var samples: [(time: ContinuousClock.Instant, bytes: UInt64)] = []
  private let window = Duration.seconds(5)

  /// Takes a reading. A counter that fell (another attempt began) starts the window anew.
  mutating func record(_ bytes: UInt64, at time: ContinuousClock.Instant) {
    if let last = samples.last, bytes < last.bytes { samples = [] }
    samples.append((time, bytes))
    while samples.count > 2, samples[0].time < time - window { samples.removeFirst() }
    if samples.count > 64 { samples.removeFirst() }
  }

  /// Nil until two readings lie at least a tenth of a second apart.
  var bytesPerSecond: Double? {
    guard let first = samples.first, let last = samples.last else { return nil }
    let seconds = (last.time - first.time) / .seconds(1)
    return seconds >= 0.1 ? Double(last.bytes - first.bytes) / seconds : nil
  }
}
