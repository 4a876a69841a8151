import Dispatch
import Synchronization

/// A place where a fake's blocking call stops until the test lets it go on.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var isReached = false
    var blocked: [DispatchSemaphore] = []
    var watchers: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Blocks the calling thread until the gate is opened, or what waits there is interrupted.
  func pass() {
    let semaphore = DispatchSemaphore(value: 0)
    let (mustWait, watchers) = state.withLock { state in
      state.isReached = true
      if !state.isOpen { state.blocked.append(semaphore) }
      defer { state.watchers = [] }
      return (!state.isOpen, state.watchers)
    }
    for watcher in watchers { watcher.resume() }
    if mustWait { semaphore.wait() }
  }

  var isOpen: Bool { state.withLock(\.isOpen) }

  /// Says that a call has come here; it does not wait.
  func reach() {
    let watchers = state.withLock { state in
      state.isReached = true
      defer { state.watchers = [] }
      return state.watchers
    }
    for watcher in watchers { watcher.resume() }
  }

  func open() {
    state.withLock { $0.isOpen = true }
    interrupt()
  }

  /// Lets go who waits now; the gate stays as it is.
  func interrupt() {
    let blocked = state.withLock { state in
      defer { state.blocked = [] }
      return state.blocked
    }
    for semaphore in blocked { semaphore.signal() }
  }

  /// Returns when a call has come to the gate; throws when the task is canceled before.
  func reached() async throws {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReached = state.withLock { state in
          guard !state.isReached, !Task.isCancelled else { return true }
          state.watchers.append(continuation)
          return false
        }
        if isReached { continuation.resume() }
      }
    } onCancel: {
      let watchers = state.withLock { state in
        defer { state.watchers = [] }
        return state.watchers
      }
      for watcher in watchers { watcher.resume() }
    }
    try Task.checkCancellation()
  }
}
