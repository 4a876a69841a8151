/// Tries addresses in their order, and stays with the first that can be reached
/// (gRPC "pick_first"; gRFC A61 for the 250 ms, gRFC A62 for the failing that sticks).
///
/// ```
///         exitIdle              one is ready
/// idle ────────────▶ connecting ────────────▶ ready
///  ▲                   │ all have failed  ▲     │ it is not healthy any more ──▶ connecting
///  │                   ▼                  │     │
///  │                 failing ─────────────┘     │
///  └──────────────────── it is lost ────────────┘
/// ```
///
/// While it is failing it goes on: each address is tried again when its own backoff is over.
struct PickFirst: BalancingPolicy {
  private enum Phase {
    case idle
    /// `next`: the place in the order of the address to try next.
    case connecting(next: Int)
    case failing
    case ready(Int)
  }

  private var phase = Phase.idle
  private var order: [Int] = []
  private var states: [Int: ConnectivityState] = [:]
  /// Tried in this pass, and failed.
  private var failed: Set<Int> = []

  var connectivity: ConnectivityState {
    switch phase {
    case .idle: .idle
    case .connecting: .connecting
    case .failing: .transientFailure
    case .ready: .ready
    }
  }

  mutating func update(_ subchannels: [Int]) -> [BalancingAction] {
    order = subchannels
    let kept = states
    states = [:]
    for id in order { states[id] = kept[id] ?? .idle }
    switch phase {
    case .idle: return []
    case .ready(let id):
      if states[id] == nil { phase = .idle }
      return []
    case .connecting: return beginPass()
    case .failing:
      if order.isEmpty { return [] }
      return order.filter { states[$0] == .idle }.map(BalancingAction.connect)
    }
  }

  mutating func changed(_ subchannel: Int, to state: ConnectivityState) -> [BalancingAction] {
    guard states[subchannel] != nil else { return [] }
    states[subchannel] = state
    switch (phase, state) {
    case (.ready(subchannel), .idle), (.ready(subchannel), .connecting):
      phase = .idle
      return [.resolve]
    case (.ready(subchannel), .transientFailure):
      return [.resolve] + beginPass()
    case (.connecting, .ready), (.failing, .ready):
      phase = .ready(subchannel)
      return order.compactMap { id in
        let isTrying = states[id] == .connecting || states[id] == .transientFailure
        return id != subchannel && isTrying ? .disconnect(id) : nil
      }
    case (.connecting(let next), .transientFailure):
      failed.insert(subchannel)
      return tryNext(from: next)
    case (.failing, .idle):
      return [.connect(subchannel)]
    case (.failing, .transientFailure):
      return [.resolve]
    case (.ready, .ready):
      return [.disconnect(subchannel)]
    case (.idle, _), (.connecting, _), (.failing, _), (.ready, _):
      return []
    }
  }

  mutating func exitIdle() -> [BalancingAction] {
    switch phase {
    case .idle: beginPass()
    case .connecting, .failing, .ready: []
    }
  }

  mutating func attemptDelayIsOver() -> [BalancingAction] {
    switch phase {
    case .connecting(let next): tryNext(from: next)
    case .idle, .failing, .ready: []
    }
  }

  mutating func pick(_ hasRoom: (Int) -> Bool) -> Pick {
    switch phase {
    case .ready(let id): hasRoom(id) ? .use(id) : .wait
    case .idle, .connecting: .wait
    case .failing: .fail
    }
  }

  private mutating func beginPass() -> [BalancingAction] {
    // One that is not healthy, or that waits after a failure, has failed for this pass.
    failed = Set(order.filter { states[$0] == .transientFailure })
    return tryNext(from: 0)
  }

  /// Goes on with the pass: the next address that is idle, or the end of the pass.
  private mutating func tryNext(from start: Int) -> [BalancingAction] {
    var next = start
    while next < order.count {
      let id = order[next]
      next += 1
      if states[id] == .idle, !failed.contains(id) {
        phase = .connecting(next: next)
        return [.connect(id), .startAttemptDelay]
      }
    }
    if failed.isSuperset(of: order) {
      phase = .failing
      return [.resolve] + order.filter { states[$0] == .idle }.map(BalancingAction.connect)
    }
    phase = .connecting(next: next)
    return []
  }
}
