import DequeModule
import GRPC
import HTTP2
import NIOCore
import NIOPosix

/// Keeps at most one connection for new calls, and the calls that wait for it.
///
/// ```
/// idle ──a call──▶ connecting ──settings──▶ ready ──lost · GOAWAY──▶ idle
///                      │ failed ▲
///                      ▼        │ the delay is over and a call waits (else: idle)
///                   backingOff ─┘
/// any ──close──▶ closed
/// ```
///
/// SAFETY: `@unchecked`, since all state is touched on the event loop only.
final class ClientConnector: ConnectionObserver, @unchecked Sendable {
  typealias Link = HTTP2Link<CarriedCalls>

  private enum State {
    /// Can move to: connecting, closed.
    case idle
    /// An attempt is under way, since then; the link is there once the socket is connected.
    /// Can move to: ready, backingOff, closed.
    case connecting(since: NIODeadline, Link?)
    /// Can move to: idle, closed.
    case ready(Link)
    /// The last attempt failed. Can move to: connecting, idle, closed.
    case backingOff(RPCError)
    /// Can move to: nothing.
    case closed
  }

  let eventLoop: any EventLoop
  private let endpoint: SocketEndpoint
  private let configuration: ClientConfiguration
  private var state = State.idle
  private var failures = 0
  /// Calls for which there is no stream yet.
  private var waiting: Deque<ClientCall> = []
  /// Every connection that is not closed, those that only finish their calls among them.
  private var links: [ObjectIdentifier: Link] = [:]
  private var closers: [CheckedContinuation<Void, Never>] = []

  init(
    _ endpoint: SocketEndpoint, _ configuration: ClientConfiguration, on eventLoop: any EventLoop
  ) {
    self.endpoint = endpoint
    self.configuration = configuration
    self.eventLoop = eventLoop
  }

  // MARK: Calls

  /// Carries a call, now or once that is possible.
  func start(_ call: ClientCall) {
    switch state {
    case .idle:
      wait(call)
      connect()
    case .connecting:
      wait(call)
    case .ready(let link):
      wait(call)
      connectionHasRoom(link)
    case .backingOff(let error):
      if call.options.waitsForReady { wait(call) } else { call.fail(error) }
    case .closed:
      call.fail(Self.isClosed)
    }
  }

  private func wait(_ call: ClientCall) {
    if waiting.count >= configuration.maximumWaitingCalls { waiting.removeAll(where: \.isEnded) }
    guard waiting.count < configuration.maximumWaitingCalls else {
      call.fail(RPCError(.resourceExhausted, "too many calls wait for a connection"))
      return
    }
    waiting.append(call)
  }

  // MARK: Connecting

  private func connect() {
    state = .connecting(since: .now(), nil)
    let timeout = max(
      configuration.backoff.shortestAttempt,
      configuration.backoff.delay(afterFailures: failures, random: 0))
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(TimeAmount(timeout))
      .channelInitializer { [self] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(makeLink(preface: timeout))
        }
      }
    connect(bootstrap).whenFailure { [self] error in
      failed(RPCError(.unavailable, "cannot connect to \(endpoint): \(error)"))
    }
  }

  private func connect(_ bootstrap: ClientBootstrap) -> EventLoopFuture<any Channel> {
    switch endpoint {
    case .unix(let path):
      return bootstrap.connect(unixDomainSocketPath: path)
    case .tcp(_, let port) where !(0...65_535).contains(port):
      return eventLoop.makeFailedFuture(
        TransportError.invalidEndpoint("the port \(port) is not one"))
    case .tcp(let host, let port):
      // The loop must not wait for a resolver, which this does elsewhere.
      return bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .connect(host: host, port: port)
    }
  }

  private func makeLink(preface: Duration) throws -> Link {
    let calls = CarriedCalls(
      limits: configuration.calls, authority: endpoint.authority, observer: self)
    var timing = LinkTiming()
    timing.preface = preface
    return try HTTP2Link(
      calls, limits: configuration.connection, timing: timing, on: eventLoop)
  }

  private func failed(_ error: RPCError) {
    guard case .connecting(let since, _) = state else { return }
    failures += 1
    state = .backingOff(error)
    let calls = waiting
    waiting = []
    for call in calls {
      if call.options.waitsForReady { waiting.append(call) } else { call.fail(error) }
    }
    let delay = configuration.backoff.delay(
      afterFailures: failures, random: Double.random(in: -1...1))
    eventLoop.scheduleTask(deadline: since + TimeAmount(delay)) { [weak self] in
      self?.backoffIsOver()
    }
  }

  private func backoffIsOver() {
    guard case .backingOff = state else { return }
    waiting.removeAll(where: \.isEnded)
    if waiting.isEmpty { state = .idle } else { connect() }
  }

  // MARK: The connection

  func connectionOpened(_ link: Link) -> Bool {
    guard case .connecting(let since, nil) = state else { return false }
    state = .connecting(since: since, link)
    links[ObjectIdentifier(link)] = link
    return true
  }

  func connectionIsReady(_ link: Link) {
    guard case .connecting(_, let current?) = state, current === link else { return }
    failures = 0
    state = .ready(link)
  }

  func connectionHasRoom(_ link: Link) {
    guard case .ready(let current) = state, current === link else { return }
    while link.session.availableStreams > 0, let call = waiting.popFirst() {
      if call.isEnded { continue }
      guard link.role.carry(call, on: link) else {
        waiting.prepend(call)
        connectionIsLeaving(link)
        return
      }
    }
  }

  func connectionIsLeaving(_ link: Link) {
    switch state {
    case .ready(let current) where current === link:
      state = .idle
      link.leave()
      if !waiting.isEmpty { connect() }
    case .idle, .connecting, .ready, .backingOff, .closed: break
    }
  }

  func connectionEnded(_ link: Link, _ reason: RPCError) {
    guard links.removeValue(forKey: ObjectIdentifier(link)) != nil else { return }
    switch state {
    case .ready(let current) where current === link:
      state = .idle
      if !waiting.isEmpty { connect() }
    case .connecting(_, let current?) where current === link:
      failed(reason)
    case .idle, .connecting, .ready, .backingOff: break
    case .closed:
      if links.isEmpty { finishClosing() }
    }
  }

  // MARK: Closing

  private static let isClosed = RPCError(.unavailable, "the client is closed")

  /// Lets calls under way finish, for a while; `continuation` is resumed when all is closed.
  func close(within grace: Duration, _ continuation: CheckedContinuation<Void, Never>?) {
    state = .closed
    let calls = waiting
    waiting = []
    for call in calls { call.fail(Self.isClosed) }
    if let continuation { closers.append(continuation) }
    guard !links.isEmpty else {
      finishClosing()
      return
    }
    for link in links.values { link.leave() }
    eventLoop.scheduleTask(in: TimeAmount(grace)) { [self] in
      for link in links.values { link.close(Self.isClosed) }
    }
  }

  private func finishClosing() {
    let continuations = closers
    closers = []
    for continuation in continuations { continuation.resume() }
  }
}
