import GRPC
import Synchronization

/// Where a client's state is written by its loop, and read and watched by anybody.
final class ConnectivityBoard: Sendable {
  private struct State {
    var connectivity = ConnectivityState.idle
    /// Why the last attempt failed.
    var error: RPCError?
    var watchers: [Int: AsyncStream<ConnectivityState>.Continuation] = [:]
    var nextWatcher = 0
  }

  private let state = Mutex(State())

  /// A watcher that falls further behind misses the older states.
  private static let history = 16

  var connectivity: ConnectivityState { state.withLock(\.connectivity) }
  var error: RPCError? { state.withLock(\.error) }

  func write(_ connectivity: ConnectivityState, _ error: RPCError?) {
    let watchers: [AsyncStream<ConnectivityState>.Continuation] = state.withLock { state in
      state.error = error
      guard state.connectivity != connectivity else { return [] }
      state.connectivity = connectivity
      return Array(state.watchers.values)
    }
    for watcher in watchers {
      watcher.yield(connectivity)
      if connectivity == .shutdown { watcher.finish() }
    }
  }

  /// The state now, and each that follows.
  func states() -> AsyncStream<ConnectivityState> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: ConnectivityState.self, bufferingPolicy: .bufferingNewest(Self.history))
    state.withLock { state in
      // Under the lock, so that no change is told before it.
      continuation.yield(state.connectivity)
      guard state.connectivity != .shutdown else {
        continuation.finish()
        return
      }
      let id = state.nextWatcher
      state.nextWatcher += 1
      state.watchers[id] = continuation
      continuation.onTermination = { [weak self] _ in
        self?.state.withLock { $0.watchers[id] = nil }
      }
    }
    return stream
  }
}
