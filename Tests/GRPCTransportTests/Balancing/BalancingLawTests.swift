import GRPC
import Testing

@testable import GRPCTransport

/// SplitMix64: small, and the same everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Subchannels as a policy sees them, without time: what happens next is drawn from a seed.
private struct BalancingWorld {
  var policy: any BalancingPolicy
  var subchannels: [Int: SubchannelState] = [:]
  var unhealthy: Set<Int> = []
  var reachable: Set<Int> = []
  var hasAttemptDelay = false
  var resolutions = 0
  private let now = ContinuousClock.now
  private var pending: [BalancingAction] = []

  init(_ balancing: LoadBalancing) { policy = balancing.policy }

  func connectivity(_ id: Int) -> ConnectivityState {
    guard let state = subchannels[id]?.connectivity else { return .shutdown }
    return state == .ready && unhealthy.contains(id) ? .transientFailure : state
  }

  var ids: [Int] { subchannels.keys.sorted() }

  mutating func act(_ wishes: [BalancingAction]) {
    pending += wishes
    var steps = 0
    while !pending.isEmpty {
      steps += 1
      precondition(steps < 10_000, "the policy never comes to rest")
      switch pending.removeFirst() {
      case .connect(let id):
        let now = now
        if subchannels[id]?.connect(at: now) != nil { tell(id) }
      case .disconnect(let id):
        if subchannels[id]?.lost() == true { tell(id) }
      case .resolve: resolutions += 1
      case .startAttemptDelay: hasAttemptDelay = true
      }
    }
  }

  private mutating func tell(_ id: Int) {
    pending += policy.changed(id, to: connectivity(id))
  }

  mutating func changed(_ id: Int) { act(policy.changed(id, to: connectivity(id))) }

  mutating func update(_ ids: [Int]) {
    let kept = subchannels
    subchannels = [:]
    for id in ids { subchannels[id] = kept[id] ?? SubchannelState(ConnectionBackoff()) }
    act(policy.update(ids))
  }

  /// One thing that can happen to a subchannel, drawn at random.
  mutating func step(_ random: inout SeededRandom) {
    guard let id = ids.randomElement(using: &random) else { return }
    switch subchannels[id]?.connectivity {
    case .connecting: attemptEnds(id)
    case .transientFailure:
      if subchannels[id]?.backoffIsOver() == true { changed(id) }
    case .ready where Int.random(in: 0..<4, using: &random) == 0:
      if subchannels[id]?.lost() == true { changed(id) }
    case .ready where Int.random(in: 0..<4, using: &random) == 0:
      unhealthy.formSymmetricDifference([id])
      changed(id)
    case .ready, .idle, .shutdown, nil: break
    }
    if hasAttemptDelay, Bool.random(using: &random) { delayPasses() }
  }

  mutating func delayPasses() {
    hasAttemptDelay = false
    act(policy.attemptDelayIsOver())
  }

  mutating func attemptEnds(_ id: Int) {
    let now = now
    if reachable.contains(id) {
      guard subchannels[id]?.established() == true else { return }
    } else if subchannels[id]?.failed(at: now, random: 0) == nil {
      return
    }
    changed(id)
  }

  /// Lets everything that is under way come to its end, and every backoff pass `rounds` times.
  mutating func settle(rounds: Int = 4) {
    for _ in 0..<rounds {
      for id in ids where subchannels[id]?.connectivity == .connecting { attemptEnds(id) }
      if hasAttemptDelay { delayPasses() }
      for id in ids where subchannels[id]?.backoffIsOver() == true { changed(id) }
      for id in ids where subchannels[id]?.connectivity == .connecting { attemptEnds(id) }
    }
  }
}

@Suite("Laws of load balancing")
struct BalancingLawTests {
  static let cases: [(LoadBalancing, UInt64)] = [LoadBalancing.pickFirst, .roundRobin]
    .flatMap { policy in (1...150).map { (policy, UInt64($0)) } }

  @Test(
    "A call goes only where a connection is ready; a policy that is ready has one", arguments: cases
  )
  func onlyReady(balancing: LoadBalancing, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var world = BalancingWorld(balancing)
    world.update(Array(1...Int.random(in: 1...5, using: &random)))
    world.act(world.policy.exitIdle())
    for step in 0..<200 {
      world.reachable = Set(world.ids.filter { _ in Bool.random(using: &random) })
      if Int.random(in: 0..<20, using: &random) == 0 {
        world.update((1...6).filter { _ in Bool.random(using: &random) }.shuffled(using: &random))
      } else {
        world.step(&random)
      }
      switch world.policy.pick({ _ in true }) {
      case .use(let id):
        #expect(world.connectivity(id) == .ready, "seed \(seed), step \(step)")
        #expect(world.policy.connectivity == .ready, "seed \(seed), step \(step)")
      case .fail:
        #expect(world.policy.connectivity == .transientFailure, "seed \(seed), step \(step)")
      case .wait:
        #expect(world.policy.connectivity != .ready, "seed \(seed), step \(step)")
      }
      if world.policy.connectivity == .idle { world.act(world.policy.exitIdle()) }
    }
  }

  @Test(
    "Whatever went before, an address that can be reached and is healthy is found", arguments: cases
  )
  func liveness(balancing: LoadBalancing, seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var world = BalancingWorld(balancing)
    let count = Int.random(in: 1...5, using: &random)
    world.update(Array(1...count))
    world.act(world.policy.exitIdle())
    for _ in 0..<Int.random(in: 0..<100, using: &random) {
      world.reachable = Set(world.ids.filter { _ in Bool.random(using: &random) })
      world.step(&random)
      if world.policy.connectivity == .idle { world.act(world.policy.exitIdle()) }
    }
    let good = try #require(world.ids.randomElement(using: &random))
    world.unhealthy = Set(world.ids).subtracting([good])
    world.reachable = [good]
    for id in world.ids where world.subchannels[id]?.connectivity == .ready { world.changed(id) }
    for _ in 0..<4 {
      if world.policy.connectivity == .idle { world.act(world.policy.exitIdle()) }
      world.settle()
    }
    #expect(world.policy.pick { _ in true } == .use(good), "seed \(seed)")
  }

  @Test(
    "When nothing can be reached, calls fail, and each address is tried again", arguments: cases)
  func allFail(balancing: LoadBalancing, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var world = BalancingWorld(balancing)
    world.update(Array(1...Int.random(in: 1...5, using: &random)))
    world.act(world.policy.exitIdle())
    world.settle()
    #expect(world.policy.pick { _ in true } == .fail)
    #expect(world.resolutions > 0)
    for id in world.ids { #expect((world.subchannels[id]?.failures ?? 0) >= 2, "seed \(seed)") }
    // It fails still while the next attempts are under way (gRFC A62).
    for id in world.ids where world.subchannels[id]?.backoffIsOver() == true { world.changed(id) }
    #expect(world.policy.connectivity == .transientFailure)
  }

  @Test("round_robin gives every ready connection its turn", arguments: 1...6)
  func fair(count: Int) {
    var world = BalancingWorld(.roundRobin)
    world.update(Array(1...count))
    world.reachable = Set(1...count)
    world.act(world.policy.exitIdle())
    world.settle()
    var picks: [Int: Int] = [:]
    for _ in 0..<count * 10 {
      if case .use(let id) = world.policy.pick({ _ in true }) { picks[id, default: 0] += 1 }
    }
    #expect(picks == Dictionary(uniqueKeysWithValues: (1...count).map { ($0, 10) }))
    #expect(world.policy.pick { $0 == count } == .use(count))
    #expect(world.policy.pick { _ in false } == .wait)
  }

  @Test("pick_first takes the first address that can be reached, and stays with it")
  func order() {
    var world = BalancingWorld(.pickFirst)
    world.update([1, 2, 3])
    world.reachable = [2, 3]
    world.act(world.policy.exitIdle())
    #expect(world.connectivity(2) == .idle)
    world.attemptEnds(1)
    world.attemptEnds(2)
    #expect(world.policy.pick { _ in true } == .use(2))
    #expect(world.connectivity(3) == .idle)
    world.reachable = [1, 2, 3]
    world.settle()
    #expect(world.policy.pick { _ in true } == .use(2))
    _ = world.subchannels[2]?.lost()
    world.changed(2)
    #expect(world.policy.connectivity == .idle)
    world.act(world.policy.exitIdle())
    world.settle()
    #expect(world.policy.pick { _ in true } == .use(1))
  }

  @Test(
    "When a connection is lost, or is not healthy any more, names are looked up again",
    arguments: [LoadBalancing.pickFirst, .roundRobin], [true, false])
  func lookUpAgain(balancing: LoadBalancing, isLost: Bool) {
    var world = BalancingWorld(balancing)
    world.update([1, 2])
    world.reachable = [1, 2]
    world.act(world.policy.exitIdle())
    world.settle()
    #expect(world.policy.connectivity == .ready && world.resolutions == 0)
    if isLost { _ = world.subchannels[1]?.lost() } else { world.unhealthy = [1] }
    world.changed(1)
    #expect(world.resolutions == 1)
    if balancing == .pickFirst { #expect(world.policy.connectivity != .ready) }
  }

  @Test(
    "pick_first tries the next address beside one that does not answer, and then keeps only one")
  func attemptDelay() {
    var world = BalancingWorld(.pickFirst)
    world.update([1, 2])
    world.act(world.policy.exitIdle())
    #expect(world.hasAttemptDelay)
    world.delayPasses()
    #expect(world.connectivity(1) == .connecting)
    #expect(world.connectivity(2) == .connecting)
    world.reachable = [2]
    world.attemptEnds(2)
    #expect(world.policy.pick { _ in true } == .use(2))
    #expect(world.connectivity(1) == .idle)
  }
}

@Suite("When names are looked up")
struct ResolutionScheduleTests {
  @Test("Wishes within the interval become one lookup at its end")
  func bounded() {
    var schedule = ResolutionSchedule(interval: .seconds(30), backoff: ConnectionBackoff())
    let start = ContinuousClock.now
    #expect(schedule.wish(at: start) == .resolve)
    #expect(schedule.wish(at: start) == .nothing)
    #expect(schedule.finished(successfully: true, at: start + .seconds(1), random: 0) == .nothing)
    #expect(schedule.wish(at: start + .seconds(10)) == .wait(.seconds(20)))
    #expect(schedule.wish(at: start + .seconds(11)) == .nothing)
    #expect(schedule.isDue(at: start + .seconds(30), isWanted: true) == .resolve)
  }

  @Test("A lookup that failed comes again by itself, after delays that grow, while it is wanted")
  func failure() {
    var schedule = ResolutionSchedule(interval: .seconds(30), backoff: ConnectionBackoff())
    let now = ContinuousClock.now
    #expect(schedule.wish(at: now) == .resolve)
    #expect(schedule.finished(successfully: false, at: now, random: 0) == .wait(.seconds(1)))
    #expect(schedule.isDue(at: now, isWanted: true) == .resolve)
    let second = schedule.finished(successfully: false, at: now, random: 0)
    guard case .wait(let delay) = second else {
      Issue.record("\(second)")
      return
    }
    #expect(delay > .seconds(1.5) && delay < .seconds(1.7))
    #expect(schedule.isDue(at: now, isWanted: false) == .nothing)
    #expect(schedule.wish(at: now) == .resolve)
    // One that succeeds begins the delays anew.
    #expect(schedule.finished(successfully: true, at: now, random: 0) == .nothing)
    #expect(schedule.wish(at: now + .seconds(30)) == .resolve)
    #expect(schedule.finished(successfully: false, at: now, random: 0) == .wait(.seconds(1)))
  }
}
