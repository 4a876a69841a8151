import NIOCore
import Testing

@testable import GRPCTransport

/// A connection whose clock is turned by hand.
private struct Turned {
  var life: ConnectionLife
  var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
  private(set) var log: [String] = []
  private let start: NIODeadline

  init(_ rules: ConnectionRules, random: Double = 0, begun: Bool = true) {
    start = now
    life = ConnectionLife(rules, at: now, random: random)
    if begun { life.begun() }
  }

  /// Turns the clock to each time that is named on the way; notes what is due, in seconds.
  mutating func turn(_ amount: TimeAmount, answering: Bool = false) {
    let end = now + amount
    while let next = life.next, next <= end {
      now = max(now, next)
      while let action = life.due(at: now) {
        note(action)
        if action == .ping, answering { _ = life.heard(at: now) }
      }
    }
    now = end
  }

  mutating func note(_ action: ConnectionLife.Action?) {
    guard let action else { return }
    log.append("\((now - start).nanoseconds / 1_000_000_000) s: \(action)")
  }

  mutating func ping(whileCalls areOpen: Bool = false) {
    note(life.pinged(whileCalls: areOpen, at: now))
  }
}

private func rules(_ change: (inout ConnectionRules) -> Void) -> ConnectionRules {
  var rules = ConnectionRules()
  change(&rules)
  return rules
}

@Suite("A connection's times")
struct ConnectionLifeTests {
  @Test("A peer that never begins is closed, one that has begun is not")
  func preface() {
    var silent = Turned(ConnectionRules(), begun: false)
    silent.turn(.hours(1))
    #expect(silent.log == ["10 s: close(GRPCTransport.ConnectionLife.Reason.noPreface)"])
    var begun = Turned(ConnectionRules())
    begun.turn(.hours(1))
    #expect(begun.log == [])
  }

  @Test("A silent peer is pinged, and closed when it does not answer")
  func silence() {
    var life = Turned(rules { $0.keepaliveTime = .seconds(100) })
    life.turn(.seconds(60))
    _ = life.life.heard(at: life.now)
    life.turn(.hours(1))
    #expect(
      life.log == [
        "160 s: ping", "180 s: close(GRPCTransport.ConnectionLife.Reason.noAnswer)",
      ])
  }

  @Test("A peer that answers is pinged again and again, and kept")
  func answers() {
    var life = Turned(rules { $0.keepaliveTime = .seconds(100) })
    life.turn(.seconds(350), answering: true)
    #expect(life.log == ["100 s: ping", "200 s: ping", "300 s: ping"])
  }

  @Test(
    "A client does not ping without calls, and does so at once when a call begins after a silence")
  func dormant() {
    var life = Turned(
      rules {
        $0.keepaliveTime = .seconds(100)
        $0.pingsWithoutCalls = false
      })
    life.turn(.hours(1))
    #expect(life.log == [])
    life.life.carries(true, at: life.now)
    life.turn(.seconds(1), answering: true)
    #expect(life.log == ["3600 s: ping"])
  }

  @Test("Three pings too many end the connection, and what was sent to the peer forgives them")
  func strikes() {
    let rules = rules { $0.shortestPingInterval = .minutes(5) }
    var life = Turned(rules)
    for _ in 0..<3 { life.ping(whileCalls: true) }
    #expect(life.log == [])
    life.life.answered()
    for _ in 0..<3 { life.ping(whileCalls: true) }
    #expect(life.log == [])
    life.ping(whileCalls: true)
    #expect(life.log == ["0 s: close(GRPCTransport.ConnectionLife.Reason.tooManyPings)"])
  }

  @Test("Pings at the allowed pace are borne for ever with calls; without calls they are too many")
  func pace() {
    let rules = rules { $0.shortestPingInterval = .minutes(5) }
    var busy = Turned(rules)
    var idle = Turned(rules)
    for _ in 0..<100 {
      busy.ping(whileCalls: true)
      busy.turn(.minutes(5))
    }
    #expect(busy.log == [])
    for _ in 0..<4 {
      idle.ping()
      idle.turn(.minutes(5))
    }
    #expect(idle.log == ["900 s: close(GRPCTransport.ConnectionLife.Reason.tooManyPings)"])
  }

  @Test("Age drains with two GOAWAYs, and the grace ends what is left", arguments: [-1.0, 0, 1])
  func age(random: Double) {
    var life = Turned(
      rules {
        $0.maximumAge = .seconds(1_000)
        $0.grace = .seconds(60)
      }, random: random)
    life.life.carries(true, at: life.now)
    life.turn(.hours(1))
    let end = 1_000 + Int(100 * random)
    #expect(
      life.log == [
        "\(end) s: announceShutdown", "\(end + 1) s: refuseNewStreams",
        "\(end + 60) s: close(GRPCTransport.ConnectionLife.Reason.graceIsOver)",
      ])
  }

  @Test("An answer to the first GOAWAY brings the second at once")
  func answered() {
    var life = Turned(ConnectionRules())
    life.note(life.life.shutDown(at: life.now))
    life.note(life.life.shutDown(at: life.now))
    life.note(life.life.shutdownWasHeard())
    life.note(life.life.shutdownWasHeard())
    life.turn(.hours(1))
    #expect(life.log == ["0 s: announceShutdown", "0 s: refuseNewStreams"])
  }

  @Test("Idleness is counted from the last call's end, and calls hold it off")
  func idleness() {
    var life = Turned(rules { $0.maximumIdle = .seconds(100) })
    life.turn(.seconds(50))
    life.life.carries(true, at: life.now)
    life.turn(.seconds(500))
    life.life.carries(false, at: life.now)
    life.turn(.seconds(99))
    #expect(life.log == [])
    life.turn(.seconds(10))
    #expect(life.log == ["650 s: announceShutdown", "651 s: refuseNewStreams"])
  }

  @Test("Without anything begun nothing is looked at; else as long as there is something")
  func looks() {
    var life = Turned(rules { $0.progress = ProgressRules(RequestPace()) })
    #expect(life.life.asksWhatBegins)
    life.turn(.hours(1))
    life.life.begins(at: life.now)
    life.life.begins(at: life.now + .seconds(7))
    #expect(!life.life.asksWhatBegins)
    life.turn(.seconds(31))
    for (frame, calls) in [(1, false), (2, false), (nil, true), (nil, false)] {
      life.note(life.life.looked(atFrame: frame, whileCalls: calls, at: life.now))
      #expect(life.life.asksWhatBegins == (frame == nil && !calls))
      life.turn(.seconds(31))
    }
    #expect(
      life.log == ["3630 s: look", "3661 s: look", "3692 s: look", "3723 s: look"])
  }

  @Test("A frame that two looks find unfinished ends the connection")
  func stalledFrame() {
    var life = Turned(rules { $0.progress = ProgressRules(RequestPace()) })
    life.life.begins(at: life.now)
    for frame in [1, 2, 2] {
      life.turn(.seconds(30))
      life.note(life.life.looked(atFrame: frame, whileCalls: true, at: life.now))
    }
    #expect(
      life.log == [
        "30 s: look", "60 s: look", "90 s: look",
        "90 s: close(GRPCTransport.ConnectionLife.Reason.stalledFrame)",
      ])
  }

  @Test("Laws hold in any order of events", arguments: 0..<200)
  func laws(seed: UInt64) {
    var random = SplitMix(state: seed)
    let chosen = rules { rules in
      if random.coin() { rules.keepaliveTime = .seconds(random.below(100) + 1) }
      rules.keepaliveTimeout = .seconds(random.below(30) + 1)
      rules.pingsWithoutCalls = random.coin()
      if random.coin() { rules.shortestPingInterval = .seconds(random.below(300)) }
      if random.coin() { rules.maximumAge = .seconds(random.below(1_000) + 1) }
      if random.coin() { rules.maximumIdle = .seconds(random.below(300) + 1) }
      if random.coin() { rules.grace = .seconds(random.below(100) + 1) }
      if random.coin() {
        var pace = RequestPace()
        pace.stallTimeout = .seconds(random.below(60) + 1)
        rules.progress = ProgressRules(pace)
      }
    }
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    var life = ConnectionLife(chosen, at: now, random: Double(random.below(3)) - 1)
    var actions: [ConnectionLife.Action] = []
    var heard = now
    var pinged: NIODeadline?
    for _ in 0..<300 {
      switch random.below(9) {
      case 0:
        _ = life.heard(at: now)
        heard = now
      case 1: life.answered()
      case 2: life.begun()
      case 3: life.carries(random.coin(), at: now)
      case 4:
        if let action = life.pinged(whileCalls: random.coin(), at: now) { actions.append(action) }
      case 5 where random.below(20) == 0:
        if let action = life.shutDown(at: now) { actions.append(action) }
      case 6 where random.below(20) == 0:
        if let action = life.shutdownWasHeard() { actions.append(action) }
      case 7: life.begins(at: now)
      default: now = now + .milliseconds(random.below(20_000))
      }
      var count = 0
      while let action = life.due(at: now) {
        actions.append(action)
        count += 1
        if action == .look {
          let frame = random.coin() ? Int(random.below(3)) : nil
          if let closing = life.looked(atFrame: frame, whileCalls: random.coin(), at: now) {
            actions.append(closing)
          }
        }
        if action == .ping {
          #expect(now - heard >= chosen.keepaliveTime ?? .nanoseconds(0), "seed \(seed)")
          pinged = now
        }
        if action == .close(.noAnswer), let pinged {
          #expect(now - pinged >= chosen.keepaliveTimeout && heard < pinged, "seed \(seed)")
        }
      }
      // Nothing is due twice, and what is due is named.
      #expect(count <= 5, "seed \(seed)")
      if let next = life.next { #expect(next > now, "seed \(seed)") }
    }
    check(actions, chosen, seed)
  }

  private func check(_ actions: [ConnectionLife.Action], _ rules: ConnectionRules, _ seed: UInt64) {
    let first = actions.firstIndex(of: .announceShutdown)
    let second = actions.firstIndex(of: .refuseNewStreams)
    #expect(actions.count { $0 == .announceShutdown } <= 1, "seed \(seed)")
    #expect(actions.count { $0 == .refuseNewStreams } <= 1, "seed \(seed)")
    if let second { #expect(first.map { $0 < second } == true, "seed \(seed)") }
    // Closing is the last thing, and only a rule that is set has an effect.
    for (index, action) in actions.enumerated() {
      guard case .close(let reason) = action else { continue }
      #expect(index == actions.count - 1, "seed \(seed)")
      #expect(reason != .tooManyPings || rules.shortestPingInterval != nil, "seed \(seed)")
      #expect(reason != .stalledFrame || rules.progress != nil, "seed \(seed)")
      #expect(reason != .noAnswer || rules.keepaliveTime != nil, "seed \(seed)")
      #expect(reason != .graceIsOver || rules.grace != nil, "seed \(seed)")
    }
    if rules.progress == nil { #expect(!actions.contains(.look), "seed \(seed)") }
    if rules.keepaliveTime == nil { #expect(!actions.contains(.ping), "seed \(seed)") }
  }

  @Test("A client keeps no shorter time than 10 s, and doubles it when it is told to")
  func clientTime() {
    let hasty = ClientKeepalive(time: .milliseconds(1))
    func time(_ doublings: Int) -> TimeAmount? {
      ConnectionRules(hasty, preface: .seconds(20), doublings: doublings).keepaliveTime
    }
    #expect(time(0) == .seconds(10))
    #expect(time(1) == .seconds(20))
    #expect(time(3) == .seconds(80))
    #expect(time(1_000_000) == .hours(24 * 365) || time(1_000_000) == .seconds(10 << 20))
  }
}

/// A seeded generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int64) -> Int64 { Int64.random(in: 0..<bound, using: &self) }
  mutating func coin() -> Bool { Bool.random(using: &self) }
}
