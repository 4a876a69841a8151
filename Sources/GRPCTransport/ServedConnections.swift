import GRPC
import Synchronization

/// The connections of one server: bounds their number, and knows when the last one is gone.
final class ServedConnections: Sendable {
  private struct State {
    var links: [ObjectIdentifier: HTTP2Link<ServedCalls>] = [:]
    /// Of the connections that are gone.
    var counters = CallCounters()
    var isDraining = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = limit }

  /// How many there are.
  var count: Int { state.withLock { $0.links.count } }

  /// False: the server is full, or shuts down.
  func add(_ link: HTTP2Link<ServedCalls>) -> Bool {
    state.withLock { state in
      guard !state.isDraining, state.links.count < limit else { return false }
      state.links[ObjectIdentifier(link)] = link
      return true
    }
  }

  func remove(_ link: HTTP2Link<ServedCalls>) {
    let counters = link.role.counters
    let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
      state.counters.add(counters)
      state.links[ObjectIdentifier(link)] = nil
      guard state.links.isEmpty else { return [] }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// What all calls, also of connections that are gone, have come to; asks every connection's loop.
  func counters() async -> CallCounters {
    let (links, gone) = state.withLock { (Array($0.links.values), $0.counters) }
    return await withTaskGroup(of: CallCounters.self) { group in
      for link in links { group.addTask { await link.ask(\.role.counters) } }
      return await group.reduce(into: gone) { $0.add($1) }
    }
  }

  /// Lets calls finish and takes no new ones.
  func drain() {
    let links = state.withLock { state in
      state.isDraining = true
      return Array(state.links.values)
    }
    for link in links { link.hop { $0.drain() } }
  }

  /// Ends all connections now; handlers that still run are cancelled, and not waited for.
  func cutOff() {
    let links = state.withLock { Array($0.links.values) }
    for link in links {
      link.hop { $0.close(RPCError(.unavailable, "the server is shutting down")) }
    }
  }

  /// Returns once no connection is left.
  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if !state.links.isEmpty { state.waiters.append(continuation) }
        return state.links.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }
}
