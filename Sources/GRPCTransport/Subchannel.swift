import GRPC
import HTTP2
import NIOCore
import NIOPosix

/// Who uses a subchannel; called on its loop.
protocol SubchannelOwner: AnyObject {
  /// Its `connectivity` may be another.
  func subchannelChanged(_ subchannel: Subchannel)
  /// Its connection may take one more stream.
  func subchannelHasRoom(_ subchannel: Subchannel)
  /// There is one more connection, or one less. It is the owner's to close in the end, also when the
  /// subchannel has let go of it.
  func connectionOpened(_ link: Subchannel.Link, of subchannel: Subchannel)
  func connectionEnded(_ link: Subchannel.Link)
}

/// The way to one address: at most one connection for new calls, made when it is asked for.
///
/// SAFETY: `@unchecked`, since all state is touched on the event loop only.
final class Subchannel: ConnectionObserver, @unchecked Sendable {
  typealias Link = HTTP2Link<CarriedCalls>

  let id: Int
  let address: ResolvedAddress
  /// Why the last attempt failed, or the connection is not used.
  private(set) var error = RPCError(.unavailable, "not connected")

  private let configuration: ClientConfiguration
  private let tls: TLSContexts?
  private let runtime: EventLoopRuntime
  private weak var owner: (any SubchannelOwner)?
  private var state: SubchannelState
  /// Of the attempt or the connection that `state` speaks of.
  private(set) var link: Link?
  /// What the calls of connections that are gone have come to.
  private(set) var countersOfEnded = CallCounters()
  private var attempt = 0
  private var health: HealthState?
  private var watch: Task<Void, Never>?
  /// How often the server has asked for fewer pings.
  private var tooManyPings = 0

  init(
    id: Int, _ address: ResolvedAddress, _ configuration: ClientConfiguration,
    _ tls: TLSContexts?, on runtime: EventLoopRuntime, owner: any SubchannelOwner
  ) {
    self.id = id
    self.address = address
    self.configuration = configuration
    self.tls = tls
    self.runtime = runtime
    self.owner = owner
    state = SubchannelState(configuration.backoff)
  }

  /// What a balancing policy is told: that of the connection, and while there is one that of the
  /// server's health.
  var connectivity: ConnectivityState {
    guard state.connectivity == .ready, let health else { return state.connectivity }
    return health.connectivity
  }

  /// How many more streams can be opened now.
  var availableStreams: Int {
    state.connectivity == .ready ? link?.session.availableStreams ?? 0 : 0
  }

  /// Calls under way, without the one that watches the server's health.
  var openCalls: Int {
    let open = link?.session.openStreams ?? 0
    return watch == nil ? open : max(open - 1, 0)
  }

  /// Sends a call over the connection; false: it takes no more, and the call is as it was.
  func carry(_ call: ClientCall) -> Bool {
    guard let link else { return false }
    if link.role.carry(call, on: link) { return true }
    connectionIsLeaving(link)
    return false
  }

  // MARK: Connecting

  /// Begins an attempt, unless one is under way or it is too early.
  func connect() {
    guard let timeout = state.connect(at: .now) else { return }
    attempt += 1
    let current = attempt
    // First, since an attempt may fail at once, which is to be told after.
    owner?.subchannelChanged(self)
    guard attempt == current else { return }
    security().flatMap { [self] security in
      let bootstrap = ClientBootstrap(group: runtime.eventLoop)
        .connectTimeout(TimeAmount(timeout))
        .channelInitializer { [self] channel in
          channel.eventLoop.makeCompletedFuture {
            try ConnectionPipeline.fill(
              channel, security, handshakeTimeout: timeout,
              opened: { [self] _ in try makeLink(preface: timeout, attempt: current) },
              failed: { [self] in couldNotConnect($0.message, attempt: current) })
          }
        }
      return connect(bootstrap)
    }.whenFailure { [self] in couldNotConnect("\($0)", attempt: current) }
  }

  private func connect(_ bootstrap: ClientBootstrap) -> EventLoopFuture<any Channel> {
    do throws(TransportError) {
      // An address, so that nothing is looked up here.
      let socket = try address.endpoint.address()
      guard case .tcp = address.endpoint else { return bootstrap.connect(to: socket) }
      return bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).connect(to: socket)
    } catch {
      return runtime.eventLoop.makeFailedFuture(error)
    }
  }

  private func security() -> EventLoopFuture<ConnectionPipeline.Security> {
    guard let tls else { return runtime.eventLoop.makeSucceededFuture(.plaintext) }
    let name = address.serverName
    return tls.current(on: runtime.eventLoop).map { .client($0, serverName: name) }
  }

  private func couldNotConnect(_ why: String, attempt: Int) {
    guard attempt == self.attempt else { return }
    failed(RPCError(.unavailable, "cannot connect to \(address.endpoint): \(why)"))
  }

  private func makeLink(preface: Duration, attempt: Int) throws -> Link {
    guard attempt == self.attempt else { throw ChannelError.ioOnClosedChannel }
    let calls = CarriedCalls(
      limits: configuration.calls, scheme: tls == nil ? "http" : "https",
      authority: address.authority, observer: self)
    let rules = ConnectionRules(
      configuration.keepalive, preface: preface, doublings: tooManyPings)
    let made = try HTTP2Link(
      calls, limits: configuration.connection, rules: rules, on: runtime.eventLoop)
    link = made
    return made
  }

  private func failed(_ error: RPCError) {
    guard let delay = state.failed(at: .now, random: .random(in: -1...1)) else { return }
    attempt += 1
    link = nil
    self.error = error
    runtime.eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
      guard let self, state.backoffIsOver() else { return }
      owner?.subchannelChanged(self)
    }
    owner?.subchannelChanged(self)
  }

  /// Lets go of the connection, whose calls go on, or of the attempt. A backoff goes on.
  func disconnect() {
    let left = link
    guard letGo() else { return }
    left?.leave()
    owner?.subchannelChanged(self)
  }

  /// As `disconnect`, for ever.
  func shutDown() {
    disconnect()
    state.shutDown()
  }

  private func letGo() -> Bool {
    guard state.lost() else { return false }
    attempt += 1
    link = nil
    endWatch()
    return true
  }

  // MARK: The connection

  func connectionOpened(_ link: Link) -> Bool {
    guard self.link === link, state.connectivity == .connecting else { return false }
    owner?.connectionOpened(link, of: self)
    return true
  }

  func connectionIsReady(_ link: Link) {
    guard self.link === link, state.established() else { return }
    if let probe = configuration.healthProbe {
      health = HealthState(configuration.backoff)
      beginWatch(probe, link)
    }
    owner?.subchannelChanged(self)
  }

  func connectionHasRoom(_ link: Link) {
    if self.link === link { owner?.subchannelHasRoom(self) }
  }

  func connectionPingsTooMuch(_ link: Link) { tooManyPings += 1 }

  func connectionIsLeaving(_ link: Link) {
    guard self.link === link else { return }
    guard state.connectivity == .ready else {
      link.close(RPCError(.unavailable, "\(address.endpoint) takes no calls: it is shutting down"))
      return
    }
    _ = letGo()
    link.leave()
    owner?.subchannelChanged(self)
  }

  func connectionEnded(_ link: Link, _ reason: RPCError) {
    if self.link === link {
      switch state.connectivity {
      case .connecting: failed(reason)
      case .ready:
        _ = letGo()
        error = reason
        owner?.subchannelChanged(self)
      case .idle, .transientFailure, .shutdown: break
      }
    }
    countersOfEnded.add(link.role.counters)
    owner?.connectionEnded(link)
  }

  // MARK: Health

  private func beginWatch(_ probe: any HealthProbe, _ link: Link) {
    let channel = ConnectionChannel(link: link, runtime: runtime, limits: configuration.calls)
    let eventLoop = runtime.eventLoop
    watch = runtime.start { [weak self] in
      var failure: RPCError?
      do {
        try await probe.watch(channel) { [weak self] isServing in
          eventLoop.execute { [weak self] in self?.health(of: link, isServing) }
        }
      } catch {
        failure = error as? RPCError ?? RPCError(.unknown, "\(error)")
      }
      eventLoop.execute { [weak self, failure] in self?.watchEnded(failure, probe, link) }
    }
  }

  private func endWatch() {
    watch?.cancel()
    watch = nil
    health = nil
  }

  private func health(of link: Link, _ isServing: Bool) {
    guard self.link === link, health != nil else { return }
    health?.reported(isServing: isServing)
    if !isServing {
      error = RPCError(.unavailable, "\(address.endpoint) says that it does not serve")
    }
    owner?.subchannelChanged(self)
  }

  private func watchEnded(_ failure: RPCError?, _ probe: any HealthProbe, _ link: Link) {
    guard self.link === link, health != nil else { return }
    watch = nil
    error = RPCError(
      .unavailable, "the health of \(address.endpoint) is not known: \(failure?.message ?? "")")
    if let delay = health?.ended(failure, random: .random(in: -1...1)) {
      runtime.eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
        guard let self, self.link === link, health != nil, watch == nil else { return }
        beginWatch(probe, link)
      }
    }
    owner?.subchannelChanged(self)
  }
}

/// Calls over one connection only, while it stands.
private struct ConnectionChannel: RPCChannel {
  let link: Subchannel.Link
  let eventLoopRuntime: EventLoopRuntime
  let limits: CallLimits

  var runtime: any CallRuntime { eventLoopRuntime }

  init(link: Subchannel.Link, runtime: EventLoopRuntime, limits: CallLimits) {
    self.link = link
    eventLoopRuntime = runtime
    self.limits = limits
  }

  func start(_ call: ClientCall) {
    link.hop { link in
      if link.session.availableStreams > 0, link.role.carry(call, on: link) { return }
      call.fail(RPCError(.unavailable, "the connection takes no more calls"))
    }
  }
}
