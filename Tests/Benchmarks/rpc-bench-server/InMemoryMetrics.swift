import CoreMetrics
import Synchronization

/// Holds metrics as a registry does that is scraped now and then: a number for each counter, a
/// histogram for each timer. Nobody reads them here; what matters is what it costs to keep them.
struct InMemoryMetrics: MetricsFactory {
  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    HeldCounter()
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    HeldHistogram()
  }

  func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    HeldHistogram()
  }

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
}

private final class HeldCounter: CounterHandler {
  private let value = Atomic<Int64>(0)

  func increment(by amount: Int64) {
    value.wrappingAdd(amount, ordering: .relaxed)
  }

  func reset() {
    value.store(0, ordering: .relaxed)
  }
}

/// How many values were below each power of two.
private final class HeldHistogram: TimerHandler, RecorderHandler {
  private let state = Mutex((buckets: [Int](repeating: 0, count: 65), sum: 0.0))

  func recordNanoseconds(_ duration: Int64) {
    record(duration)
  }

  func record(_ value: Int64) {
    let bucket = Int64.bitWidth - max(0, value).leadingZeroBitCount
    state.withLock { state in
      state.buckets[bucket] += 1
      state.sum += Double(value)
    }
  }

  func record(_ value: Double) {
    record(Int64(exactly: value.rounded(.towardZero)) ?? .max)
  }
}
