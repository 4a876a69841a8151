import Synchronization

/// Holds one task at a time until it is opened; each opening lets one through.
final class Gate: Sendable {
  private struct State {
    var openings = 0
    var waiter: CheckedContinuation<Void, any Error>?
  }

  private let state = Mutex(State())

  func wait() async throws {
    try await withCheckedThrowingContinuation { continuation in
      let passes = state.withLock { state in
        if state.openings > 0 {
          state.openings -= 1
          return true
        }
        state.waiter = continuation
        return false
      }
      if passes { continuation.resume() }
    }
  }

  func open() {
    let waiter = state.withLock { state in
      if state.waiter == nil { state.openings += 1 }
      return state.waiter.take()
    }
    waiter?.resume()
  }
}
