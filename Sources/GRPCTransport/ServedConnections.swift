import GRPC
import NIOCore
import Synchronization

/// The connections of one server: bounds their number, and knows when the last one is gone.
final class ServedConnections: Sendable {
  private struct State {
    var links: [ObjectIdentifier: HTTP2Link<ServedCalls>] = [:]
    /// Those whose TLS handshake is under way.
    var handshakes: [ObjectIdentifier: any Channel] = [:]
    /// Of the connections that are gone.
    var counters = CallCounters()
    var listeners: [Listener] = []
    var isDraining = false
    var waiters: [CheckedContinuation<Void, Never>] = []

    var isEmpty: Bool { links.isEmpty && handshakes.isEmpty }

    func takes(_ limit: Int) -> Bool { !isDraining && links.count + handshakes.count < limit }
  }

  /// A socket that listens, as channelz tells of it.
  struct Listener: Sendable {
    let reference: ChannelzReference
    let address: SocketAddress?
  }

  /// For channelz.
  let id = ChannelzRegistry.newID()
  private let limit: Int
  private let state = Mutex(State())

  /// What they all hold for calls.
  let memory: MemoryBudget
  /// When a refused call last had it counted anew, in nanoseconds of `NIODeadline`.
  let lastReclaim = Atomic<UInt64>(0)

  /// Of all connections, also those that are gone.
  let abandonedHandlers: AbandonedHandlers

  init(limit: Int, memory: MemoryBudget, abandonedHandlers: AbandonedHandlers) {
    self.limit = limit
    self.memory = memory
    self.abandonedHandlers = abandonedHandlers
  }

  deinit { ChannelzRegistry.shared.removeServer(id) }

  /// The server listens, and can be looked at.
  func listens(on sockets: [(endpoint: SocketEndpoint, address: SocketAddress?)]) {
    let listeners = sockets.map { socket in
      Listener(
        reference: ChannelzReference(id: ChannelzRegistry.newID(), name: "\(socket.endpoint)"),
        address: socket.address)
    }
    state.withLock { $0.listeners = listeners }
    ChannelzRegistry.shared.add(self)
  }

  var listeners: [Listener] { state.withLock(\.listeners) }
  var links: [HTTP2Link<ServedCalls>] { state.withLock { Array($0.links.values) } }

  /// How many there are.
  var count: Int { state.withLock { $0.links.count + $0.handshakes.count } }

  /// A TLS handshake begins. False: the server is full, or shuts down.
  func beginHandshake(_ channel: any Channel) -> Bool {
    state.withLock { state in
      guard state.takes(limit) else { return false }
      state.handshakes[ObjectIdentifier(channel)] = channel
      return true
    }
  }

  /// A TLS handshake is over; if it succeeded, the connection is added next.
  func endHandshake(_ channel: any Channel) {
    remove { $0.handshakes[ObjectIdentifier(channel)] = nil }
  }

  /// False: the server is full, or shuts down.
  func add(_ link: HTTP2Link<ServedCalls>) -> Bool {
    state.withLock { state in
      guard state.takes(limit) else { return false }
      state.links[ObjectIdentifier(link)] = link
      return true
    }
  }

  func remove(_ link: HTTP2Link<ServedCalls>) {
    let counters = link.role.counters
    remove { state in
      state.counters.add(counters)
      state.links[ObjectIdentifier(link)] = nil
    }
  }

  private func remove(_ change: (inout State) -> Void) {
    let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
      change(&state)
      guard state.isEmpty else { return [] }
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
    let (links, handshakes) = state.withLock { state in
      state.isDraining = true
      return (Array(state.links.values), Array(state.handshakes.values))
    }
    for link in links { link.hop { $0.drain() } }
    for channel in handshakes { channel.close(promise: nil) }
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
        if !state.isEmpty { state.waiters.append(continuation) }
        return state.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }
}
