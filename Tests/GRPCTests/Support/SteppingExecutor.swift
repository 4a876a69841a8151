import Synchronization

/// Runs tasks only when told to, on the caller's thread, in an order drawn from a seed.
final class SteppingExecutor: TaskExecutor {
  private struct State {
    var jobs: [UnownedJob] = []
    var random: SeededRandom
  }

  private let state: Mutex<State>

  init(seed: UInt64) {
    state = Mutex(State(random: SeededRandom(seed: seed)))
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
  }

  /// Runs jobs until none is left; false when there seems to be no end.
  func runUntilIdle(atMost limit: Int = 1_000_000) -> Bool {
    for _ in 0..<limit {
      let job: UnownedJob? = state.withLock { state in
        guard !state.jobs.isEmpty else { return nil }
        return state.jobs.remove(at: Int.random(in: 0..<state.jobs.count, using: &state.random))
      }
      guard let job else { return true }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
    return false
  }
}

/// SplitMix64: small, and the same everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}
