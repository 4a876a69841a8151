import BackupModel
import Synchronization
import Worker

/// Time that passes when the test says so.
final class ManualClock: WorkerClock {
  private struct State {
    var now = Timestamp(nanosecondsSinceEpoch: 1_800_000_000_000_000_000)
    var next = 0
    var sleepers: [Int: (deadline: Timestamp, continuation: CheckedContinuation<Void, Never>)] =
      [:]
  }

  private let state = Mutex(State())

  var now: Timestamp { state.withLock(\.now) }

  func advance(by duration: Duration) {
    let due = state.withLock { state in
      state.now = state.now.advanced(by: duration)
      let now = state.now
      let due = state.sleepers.filter { $0.value.deadline <= now }
      for key in due.keys { state.sleepers[key] = nil }
      return due.sorted { $0.key < $1.key }.map(\.value.continuation)
    }
    for continuation in due { continuation.resume() }
  }

  /// Returns when someone sleeps who is due that soon.
  func sleeper(within duration: Duration) async throws {
    while !isSomeoneDue(within: duration) {
      try Task.checkCancellation()
      await Task.yield()
    }
  }

  private func isSomeoneDue(within duration: Duration) -> Bool {
    state.withLock { state in
      let limit = state.now.advanced(by: duration)
      return state.sleepers.values.contains { $0.deadline <= limit }
    }
  }

  func sleep(until deadline: Timestamp) async throws {
    let id = state.withLock { state in
      state.next += 1
      return state.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          guard deadline > state.now, !Task.isCancelled else { return true }
          state.sleepers[id] = (deadline, continuation)
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume()
    }
    try Task.checkCancellation()
  }
}
