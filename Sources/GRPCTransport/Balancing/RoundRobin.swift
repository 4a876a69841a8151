/// Connects to every address, and takes those that are ready in turn (gRPC "round_robin").
///
/// It is READY when one of them is, else CONNECTING when one is on its way for the first time, else
/// TRANSIENT_FAILURE: a subchannel that failed counts as failing until it is ready.
struct RoundRobin: BalancingPolicy {
  private var order: [Int] = []
  private var states: [Int: ConnectivityState] = [:]
  /// The subchannels that may be picked, in order.
  private var ready: [Int] = []
  private var next = 0
  private var isIdle = true

  var connectivity: ConnectivityState {
    if isIdle { return .idle }
    if !ready.isEmpty { return .ready }
    let isFailing = order.allSatisfy { states[$0] == .transientFailure }
    return isFailing ? .transientFailure : .connecting
  }

  mutating func update(_ subchannels: [Int]) -> [BalancingAction] {
    order = subchannels
    let kept = states
    states = [:]
    for id in order { states[id] = kept[id] ?? .idle }
    refresh()
    return isIdle ? [] : connectIdle()
  }

  mutating func changed(_ subchannel: Int, to state: ConnectivityState) -> [BalancingAction] {
    guard let before = states[subchannel] else { return [] }
    let isFailingStill = before == .transientFailure && (state == .idle || state == .connecting)
    if !isFailingStill { states[subchannel] = state }
    refresh()
    switch state {
    case .idle:
      if isIdle { return [] }
      return before == .ready ? [.resolve, .connect(subchannel)] : [.connect(subchannel)]
    case .transientFailure: return [.resolve]
    case .connecting, .ready, .shutdown: return []
    }
  }

  mutating func exitIdle() -> [BalancingAction] {
    guard isIdle else { return [] }
    isIdle = false
    return connectIdle()
  }

  mutating func attemptDelayIsOver() -> [BalancingAction] { [] }

  mutating func pick(_ hasRoom: (Int) -> Bool) -> Pick {
    for _ in ready {
      if next >= ready.count { next = 0 }
      let id = ready[next]
      next += 1
      if hasRoom(id) { return .use(id) }
    }
    return connectivity == .transientFailure ? .fail : .wait
  }

  private func connectIdle() -> [BalancingAction] {
    order.filter { states[$0] == .idle }.map(BalancingAction.connect)
  }

  private mutating func refresh() {
    ready = order.filter { states[$0] == .ready }
  }
}
