internal import Synchronization

/// Wakes one waiter. Raised while nobody waits, it lets the next wait through at once.
final class Signal: Sendable {
  private struct State {
    var isRaised = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func raise() {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard let waiter = state.waiter.take() else {
        state.isRaised = true
        return nil
      }
      return waiter
    }
    waiter?.resume()
  }

  /// Returns when raised, or when the task is canceled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          if state.isRaised || Task.isCancelled || state.waiter != nil {
            state.isRaised = false
            return true
          }
          state.waiter = continuation
          return false
        }
        if goesOn { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiter.take() }?.resume()
    }
  }
}
