import NIOCore

/// The bounds in time of one side's connections.
struct ConnectionRules: Sendable {
  /// Until the peer's first SETTINGS have come.
  var preface = TimeAmount.seconds(10)
  /// Until the peer has answered to the first GOAWAY; then the second goes out anyway.
  var goAwayAnswer = TimeAmount.seconds(1)
  /// Until the last bytes have left.
  var linger = TimeAmount.seconds(1)
  /// Until a PING is sent, after something was heard; nil: none is.
  var keepaliveTime: TimeAmount?
  /// Until something must be heard after it.
  var keepaliveTimeout = TimeAmount.seconds(20)
  /// Whether it is sent when no call is open.
  var pingsWithoutCalls = true
  /// The peer's pings are to be this far apart; nil: it may send what it wants.
  var shortestPingInterval: TimeAmount?
  /// Whether that holds without calls too; else it is two hours then.
  var permitsPingsWithoutCalls = false
  /// Pings that come too early and are borne.
  var maximumPingStrikes = 2
  /// Until a connection is drained, ± 10 %; nil: it may grow old.
  var maximumAge: TimeAmount?
  /// Until a connection without calls is drained; nil: it may stay.
  var maximumIdle: TimeAmount?
  /// What is left to calls when it is drained for one of these; nil: all the time they need.
  var grace: TimeAmount?

  /// How frames and requests that have begun must get on; nil: as they like.
  var progress: ProgressRules?

  /// Whether it must be known when calls begin and end.
  var watchesCalls: Bool { maximumIdle != nil || (keepaliveTime != nil && !pingsWithoutCalls) }

  /// A peer at its default values.
  init() {}

  init(_ configuration: ServerConfiguration) {
    let keepalive = configuration.keepalive
    preface = TimeAmount(configuration.prefaceTimeout)
    keepaliveTime = keepalive.time.map { TimeAmount($0) }
    keepaliveTimeout = TimeAmount(keepalive.timeout)
    shortestPingInterval = TimeAmount(keepalive.shortestPingInterval)
    permitsPingsWithoutCalls = keepalive.permitsPingsWithoutCalls
    maximumPingStrikes = keepalive.maximumPingStrikes
    maximumAge = configuration.maximumConnectionAge.map { TimeAmount($0) }
    maximumIdle = configuration.maximumConnectionIdle.map { TimeAmount($0) }
    progress = ProgressRules(configuration.requestPace)
    grace = configuration.connectionAgeGrace.map { TimeAmount($0) }
  }

  /// `backing`: how many times a server has asked for fewer pings; each doubles the time.
  init(_ keepalive: ClientKeepalive?, preface: Duration, doublings: Int) {
    self.preface = TimeAmount(preface)
    guard let keepalive else { return }
    let time = TimeAmount(max(keepalive.time, ClientKeepalive.shortestTime))
    keepaliveTime = min(time * (1 << min(doublings, 20)), .hours(24 * 365))
    keepaliveTimeout = TimeAmount(keepalive.timeout)
    pingsWithoutCalls = keepalive.withoutCalls
  }
}
