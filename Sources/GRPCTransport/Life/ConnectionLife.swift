import GRPC
import NIOCore

/// Decides when a connection is pinged, drained and closed: times in, actions out, no clock and no
/// I/O (gRFC A8, A9; grpc "keepalive.md").
///
/// ```
///            age · idleness · shutdown          answered · 1 s later
///  open ──────────────────────────────▶ draining ──────────────▶ leaving
///    any ── no preface · no answer to a ping · too many pings · grace over ──▶ closed
/// ```
///
/// Ask `due` whenever a time that `next` named has come; reads only move such times later, so that
/// they need no new timer.
struct ConnectionLife {
  /// What to do now.
  enum Action: Equatable {
    /// Send a PING, and anything that is heard answers it.
    case ping
    /// Say that no new streams are wished for (first GOAWAY), and mark the place with a PING.
    case announceShutdown
    /// Refuse new streams (second GOAWAY); the connection closes when those open are over.
    case refuseNewStreams
    /// Look whether what has begun gets on, and say it by `looked`.
    case look
    case close(Reason)
  }

  /// Why a connection is closed.
  enum Reason: Equatable {
    case noPreface, noAnswer, tooManyPings, graceIsOver, stalledFrame
  }

  private enum Phase {
    /// Can move to: draining, closed.
    case open
    /// The first GOAWAY is sent; the second goes out by then at the latest.
    /// Can move to: leaving, closed.
    case draining(until: NIODeadline)
    /// Can move to: closed.
    case leaving
    /// Can move to: nothing.
    case closed
  }

  let rules: ConnectionRules
  private var phase = Phase.open
  /// When the peer must have sent its settings; nil: it has.
  private var preface: NIODeadline?
  private var heard: NIODeadline
  /// When the PING was sent that nothing was heard after.
  private var pingSent: NIODeadline?
  private var expiry: NIODeadline?
  private var graceEnd: NIODeadline?
  /// Since when no call is open; nil: there are some.
  private var idleSince: NIODeadline?
  private var lastPing: NIODeadline?
  private var strikes = 0
  private var hasAnswered = false
  /// When to look at what has begun; nil: nothing is known to have.
  private var lookDue: NIODeadline?
  private var frame = ProgressWatch()
  /// Whether `begins` is of interest.
  private(set) var asksWhatBegins: Bool

  /// A connection that begins. `random` is within -1...1: connections of one moment shall not end in
  /// one moment.
  init(_ rules: ConnectionRules, at now: NIODeadline, random: Double) {
    self.rules = rules
    preface = now + rules.preface
    asksWhatBegins = rules.progress != nil
    heard = now
    idleSince = now
    expiry = rules.maximumAge.map { age in
      now + .nanoseconds(Int64(Double(min(age, .hours(24 * 365)).nanoseconds) * (1 + 0.1 * random)))
    }
  }

  // MARK: What happens

  /// Something was read. True: it answers a PING, and what is next is due earlier than that was.
  mutating func heard(at now: NIODeadline) -> Bool {
    defer { heard = now }
    return answerDue != nil
  }

  /// Something of a call was sent; it forgives pings.
  mutating func answered() { hasAnswered = true }

  /// The peer's settings have come.
  mutating func begun() { preface = nil }

  /// Whether calls are open.
  mutating func carries(_ calls: Bool, at now: NIODeadline) {
    if calls {
      idleSince = nil
    } else if idleSince == nil {
      idleSince = now
    }
  }

  /// The peer has begun something that it must get on with.
  mutating func begins(at now: NIODeadline) {
    guard asksWhatBegins, let progress = rules.progress else { return }
    asksWhatBegins = false
    lookDue = now + progress.interval
  }

  /// What a look has found: the frame that is not whole, and whether calls are open. The next look
  /// is planned if there is anything to look at.
  mutating func looked(
    atFrame number: Int?, whileCalls areOpen: Bool, at now: NIODeadline
  ) -> Action? {
    guard let progress = rules.progress, isAlive else { return nil }
    // It is whole or it is not: no bytes of it count.
    let unfinished = number.map { MessageUnderWay(number: $0, bytes: 0) }
    if frame.hasStalled(unfinished, at: now, progress) { return close(.stalledFrame) }
    asksWhatBegins = number == nil && !areOpen
    lookDue = asksWhatBegins ? nil : now + progress.interval
    return nil
  }

  /// The peer has sent a PING.
  mutating func pinged(whileCalls areOpen: Bool, at now: NIODeadline) -> Action? {
    guard let shortest = rules.shortestPingInterval, isAlive else { return nil }
    defer { lastPing = now }
    guard !hasAnswered else {
      hasAnswered = false
      strikes = 0
      return nil
    }
    let interval = areOpen || rules.permitsPingsWithoutCalls ? shortest : max(shortest, .hours(2))
    if let lastPing, now - lastPing < interval { strikes += 1 }
    return strikes > rules.maximumPingStrikes ? close(.tooManyPings) : nil
  }

  /// The server shuts down.
  mutating func shutDown(at now: NIODeadline) -> Action? {
    guard case .open = phase else { return nil }
    phase = .draining(until: now + rules.goAwayAnswer)
    return .announceShutdown
  }

  /// The peer has answered to the first GOAWAY.
  mutating func shutdownWasHeard() -> Action? {
    guard case .draining = phase else { return nil }
    phase = .leaving
    return .refuseNewStreams
  }

  // MARK: What is due

  /// The next thing to do at this time; ask until there is none.
  mutating func due(at now: NIODeadline) -> Action? {
    guard isAlive else { return nil }
    if let preface, now >= preface { return close(.noPreface) }
    if let graceEnd, now >= graceEnd { return close(.graceIsOver) }
    if let answer = answerDue, now >= answer { return close(.noAnswer) }
    if let ping = pingDue, now >= ping {
      pingSent = now
      return .ping
    }
    if case .draining(let end) = phase, now >= end { return shutdownWasHeard() }
    if let look = lookDue, now >= look {
      lookDue = nil
      return .look
    }
    if let end = retirement, now >= end {
      graceEnd = rules.grace.map { now + $0 }
      return shutDown(at: now)
    }
    return nil
  }

  /// When to ask `due` again; nil: not before something happens.
  var next: NIODeadline? {
    guard isAlive else { return nil }
    var next: NIODeadline?
    func consider(_ time: NIODeadline?) {
      if let time { next = min(next ?? time, time) }
    }
    consider(preface)
    consider(graceEnd)
    consider(answerDue)
    consider(pingDue)
    consider(retirement)
    consider(lookDue)
    if case .draining(let end) = phase { consider(end) }
    return next
  }

  private var isAlive: Bool { if case .closed = phase { false } else { true } }

  /// When the PING that is out must have been answered.
  private var answerDue: NIODeadline? {
    guard let pingSent, heard < pingSent else { return nil }
    return pingSent + rules.keepaliveTimeout
  }

  private var pingDue: NIODeadline? {
    guard let time = rules.keepaliveTime, preface == nil, answerDue == nil,
      rules.pingsWithoutCalls || idleSince == nil
    else { return nil }
    return heard + time
  }

  /// When the connection is too old, or was without calls for too long.
  private var retirement: NIODeadline? {
    guard case .open = phase else { return nil }
    let idleEnd = idleSince.flatMap { since in rules.maximumIdle.map { since + $0 } }
    guard let expiry, let idleEnd else { return expiry ?? idleEnd }
    return min(expiry, idleEnd)
  }

  private mutating func close(_ reason: Reason) -> Action {
    phase = .closed
    return .close(reason)
  }
}
