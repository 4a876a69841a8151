import DequeModule
import GRPC
import HTTP2
import Logging
import NIOCore

/// One client's connections on one event loop: finds the addresses, keeps a subchannel for each, has
/// a balancing policy choose among them, and holds the calls that wait.
///
/// ```
///  start(call) ──▶ policy.pick ──use──▶ Subchannel.carry
///                    │   └─wait──▶ waiting ──(a change, or room)──▶ policy.pick
///                    └─fail──▶ UNAVAILABLE, or waiting if the call waits for ready
/// ```
///
/// SAFETY: `@unchecked`, since all state is touched on the event loop only.
final class ClientConnector: SubchannelOwner, @unchecked Sendable {
  private enum Addresses {
    case unknown
    /// There are none yet.
    case missing(RPCError)
    case known
  }

  /// For channelz.
  let id = ChannelzRegistry.newID()
  let board = ConnectivityBoard()
  let runtime: EventLoopRuntime
  private let endpoints: [SocketEndpoint]
  private let configuration: ClientConfiguration
  private let tls: TLSContexts?

  private var policy: any BalancingPolicy
  private var subchannels: [Int: Subchannel] = [:]
  private var ids: [ResolvedAddress: Int] = [:]
  /// The subchannels in the order of their addresses.
  private var order: [Int] = []
  private var addresses = Addresses.unknown
  private var resolution: ResolutionSchedule
  /// Somebody has called, or wished to be connected, since the client was last idle.
  private var isWanted = false
  private var isClosed = false
  private var lastError = RPCError(.unavailable, "not connected")

  /// Calls for which there is no stream yet.
  private var waiting: Deque<ClientCall> = []
  /// Every connection that is open, those among them that only finish their calls; the subchannel
  /// hears of the connection's end.
  private var links: [ObjectIdentifier: (link: Subchannel.Link, subchannel: Subchannel)] = [:]
  private var closers: [CheckedContinuation<Void, Never>] = []

  private var actions: Deque<BalancingAction> = []
  private var isActing = false
  private var attemptDelay: Scheduled<Void>?
  private var idleTimer: Scheduled<Void>?
  private var callsStarted = 0
  private var callsStartedAtLastLook = 0

  var eventLoop: any EventLoop { runtime.eventLoop }

  init(
    _ endpoints: [SocketEndpoint], _ configuration: ClientConfiguration,
    on runtime: EventLoopRuntime
  ) {
    self.endpoints = endpoints
    self.configuration = configuration
    self.runtime = runtime
    tls = configuration.tls.map { tls in
      TLSContexts(
        TLSMaterial(tls), interval: tls.reloadInterval, logger: Logger(label: "grpc.client"))
    }
    policy = configuration.balancing.policy
    resolution = ResolutionSchedule(
      interval: configuration.shortestResolutionInterval, backoff: configuration.backoff)
    ChannelzRegistry.shared.add(self)
  }

  deinit { ChannelzRegistry.shared.removeChannel(id) }

  // MARK: Calls

  /// Carries a call, now or once that is possible.
  func start(_ call: ClientCall) {
    callsStarted &+= 1
    guard call.startDeadline() else { return }
    guard !isClosed else {
      call.fail(Self.isClosed)
      return
    }
    if !isWanted { exitIdle() }
    if waiting.isEmpty {
      place(call)
    } else {
      wait(call, picked: pick())
    }
  }

  /// Sends a call on its way, or lets it wait, or fails it.
  private func place(_ call: ClientCall) {
    let picked = pick()
    guard case .use(let id) = picked else {
      wait(call, picked: picked)
      return
    }
    guard subchannels[id]?.carry(call) != true else { return }
    wait(call, picked: .wait)
    settle()
  }

  private func wait(_ call: ClientCall, picked: Pick) {
    if picked == .fail, !call.options.waitsForReady {
      call.fail(lastError)
      return
    }
    if waiting.count >= configuration.maximumWaitingCalls { waiting.removeAll(where: \.isEnded) }
    guard waiting.count < configuration.maximumWaitingCalls else {
      call.fail(RPCError(.resourceExhausted, "too many calls wait for a connection"))
      return
    }
    waiting.append(call)
  }

  private func pick() -> Pick {
    switch addresses {
    case .unknown: .wait
    case .missing: .fail
    case .known: policy.pick { (subchannels[$0]?.availableStreams ?? 0) > 0 }
    }
  }

  /// Sends calls that wait, as far as there is room.
  private func placeWaiting() {
    while !waiting.isEmpty {
      if waiting[0].isEnded {
        waiting.removeFirst()
        continue
      }
      guard case .use(let id) = pick() else { return }
      let call = waiting.removeFirst()
      if subchannels[id]?.carry(call) != true {
        waiting.prepend(call)
        settle()
        return
      }
    }
  }

  private func failWaiting() {
    let calls = waiting
    waiting = []
    for call in calls {
      if call.options.waitsForReady { waiting.append(call) } else { call.fail(lastError) }
    }
  }

  // MARK: Connecting

  /// Begins to connect, if nobody has wished for it since the client was idle.
  func exitIdle() {
    guard !isClosed else { return }
    isWanted = true
    switch addresses {
    case .known: act(policy.exitIdle())
    case .unknown, .missing: wishForAddresses()
    }
    lookForIdleness()
  }

  /// Does what the policy asks for, in order; what it asks for meanwhile comes after.
  private func act(_ wishes: [BalancingAction]) {
    actions.append(contentsOf: wishes)
    guard !isActing else { return }
    isActing = true
    while let action = actions.popFirst() {
      switch action {
      case .connect(let id): subchannels[id]?.connect()
      case .disconnect(let id): subchannels[id]?.disconnect()
      case .resolve: wishForAddresses()
      case .startAttemptDelay: startAttemptDelay()
      }
    }
    isActing = false
    settle()
  }

  /// Takes note of where all stands now.
  private func settle() {
    let now = connectivity
    board.write(now, lastError)
    switch now {
    case .idle where !waiting.isEmpty:
      waiting.removeAll(where: \.isEnded)
      if !waiting.isEmpty { act(policy.exitIdle()) } else { isWanted = false }
    case .idle: isWanted = false
    case .transientFailure: failWaiting()
    case .ready: placeWaiting()
    case .connecting, .shutdown: break
    }
  }

  private var connectivity: ConnectivityState {
    if isClosed { return .shutdown }
    switch addresses {
    case .unknown: return isWanted ? .connecting : .idle
    case .missing: return .transientFailure
    case .known: return policy.connectivity
    }
  }

  private func startAttemptDelay() {
    attemptDelay?.cancel()
    attemptDelay = eventLoop.scheduleTask(
      in: TimeAmount(configuration.attemptDelay)
    ) { [weak self] in
      guard let self, !isClosed else { return }
      act(policy.attemptDelayIsOver())
    }
  }

  func subchannelChanged(_ subchannel: Subchannel) {
    guard !isClosed, subchannels[subchannel.id] === subchannel else { return }
    if subchannel.connectivity == .transientFailure { lastError = subchannel.error }
    act(policy.changed(subchannel.id, to: subchannel.connectivity))
  }

  func subchannelHasRoom(_ subchannel: Subchannel) {
    if !waiting.isEmpty, !isClosed { placeWaiting() }
  }

  func connectionOpened(_ link: Subchannel.Link, of subchannel: Subchannel) {
    links[ObjectIdentifier(link)] = (link, subchannel)
  }

  func connectionEnded(_ link: Subchannel.Link) {
    guard links.removeValue(forKey: ObjectIdentifier(link)) != nil else { return }
    if isClosed, links.isEmpty { finishClosing() }
  }

  private static let isClosed = RPCError(.unavailable, "the client is closed")
}

// MARK: - Addresses

extension ClientConnector {
  private func wishForAddresses() {
    guard !endpoints.allSatisfy(\.isAddress) else {
      if case .unknown = addresses { found(endpoints.map { ($0, [$0]) }) }
      return
    }
    follow(resolution.wish(at: .now))
  }

  private func follow(_ step: ResolutionSchedule.Step) {
    switch step {
    case .nothing: break
    case .resolve: resolve()
    case .wait(let delay):
      eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
        guard let self, !isClosed else { return }
        follow(resolution.isDue(at: .now, isWanted: isWanted))
      }
    }
  }

  private func resolve() {
    let resolver = configuration.resolver
    let endpoints = endpoints
    let eventLoop = eventLoop
    _ = runtime.start { [weak self] in
      var found: [(SocketEndpoint, [SocketEndpoint])] = []
      var failure: String?
      for endpoint in endpoints {
        guard case .tcp(let host, let port) = endpoint, !endpoint.isAddress else {
          found.append((endpoint, [endpoint]))
          continue
        }
        do {
          let addresses = try await resolver.addresses(ofHost: host, port: port)
          if addresses.isEmpty { failure = "\(host) has no address" }
          found.append((endpoint, addresses))
        } catch {
          failure = "cannot look \(host) up: \(error)"
        }
      }
      eventLoop.execute { [weak self, found, failure] in self?.resolved(found, failure) }
    }
  }

  /// Names that could not be looked up are left as they were while there are other addresses.
  private func resolved(_ names: [(SocketEndpoint, [SocketEndpoint])], _ failure: String?) {
    guard !isClosed else { return }
    let next = resolution.finished(
      successfully: failure == nil, at: .now, random: .random(in: -1...1))
    if let failure { lastError = RPCError(.unavailable, failure) }
    if !names.allSatisfy({ $0.1.isEmpty }), failure == nil || subchannels.isEmpty {
      found(names)
    } else if case .unknown = addresses {
      addresses = .missing(lastError)
      settle()
    }
    follow(next)
  }

  private func found(_ names: [(SocketEndpoint, [SocketEndpoint])]) {
    order = []
    var kept: [ResolvedAddress: Int] = [:]
    for (name, places) in names {
      for place in places {
        let address = ResolvedAddress(
          endpoint: place, authority: authority(of: name),
          serverName: configuration.tls?.serverName ?? name.serverName)
        guard kept[address] == nil else { continue }
        let id = ids[address] ?? add(address)
        kept[address] = id
        order.append(id)
      }
    }
    let dropped = ids.filter { kept[$0.key] == nil }.values.sorted()
    ids = kept
    addresses = .known
    var wishes = policy.update(order)
    if isWanted { wishes += policy.exitIdle() }
    for id in dropped { subchannels.removeValue(forKey: id)?.shutDown() }
    act(wishes)
  }

  private func authority(of name: SocketEndpoint) -> String {
    configuration.authority ?? configuration.tls?.serverName ?? name.authority
  }

  private func add(_ address: ResolvedAddress) -> Int {
    let id = Int(ChannelzRegistry.newID())
    subchannels[id] = Subchannel(
      id: id, address, configuration, tls, on: runtime, owner: self)
    return id
  }
}

// MARK: - Channelz

extension ClientConnector {
  var target: String { endpoints.map(\.description).joined(separator: ",") }

  var knownSubchannels: [Subchannel] { order.compactMap { subchannels[$0] } }

  var openLinks: [Subchannel.Link] { links.values.map(\.link) }

  /// Of all connections that a subchannel has had.
  func counters(of subchannel: Subchannel) -> CallCounters {
    var counters = subchannel.countersOfEnded
    for (link, owner) in links.values where owner === subchannel {
      counters.add(link.role.counters)
    }
    return counters
  }
}

// MARK: - Idleness and the end

extension ClientConnector {
  /// Looks once a period whether there was any call in it.
  private func lookForIdleness() {
    guard let timeout = configuration.idleTimeout, idleTimer == nil else { return }
    callsStartedAtLastLook = callsStarted
    idleTimer = eventLoop.scheduleTask(in: TimeAmount(timeout)) { [weak self] in
      guard let self, !isClosed else { return }
      idleTimer = nil
      waiting.removeAll(where: \.isEnded)
      let hasCalls = !waiting.isEmpty || subchannels.values.contains { $0.openCalls > 0 }
      if hasCalls || callsStarted != callsStartedAtLastLook {
        lookForIdleness()
      } else {
        enterIdle()
      }
    }
  }

  /// Lets go of all connections until the next call.
  private func enterIdle() {
    isWanted = false
    attemptDelay?.cancel()
    // A policy that knows no subchannels, so that none is connected again.
    policy = configuration.balancing.policy
    for id in order { subchannels[id]?.disconnect() }
    _ = policy.update(order)
    if case .missing = addresses { addresses = .unknown }
    settle()
  }

  /// Lets calls under way finish, for a while; `continuation` is resumed when all is closed.
  func close(within grace: Duration, _ continuation: CheckedContinuation<Void, Never>?) {
    isClosed = true
    attemptDelay?.cancel()
    idleTimer?.cancel()
    board.write(.shutdown, Self.isClosed)
    let calls = waiting
    waiting = []
    for call in calls { call.fail(Self.isClosed) }
    if let continuation { closers.append(continuation) }
    for subchannel in subchannels.values { subchannel.shutDown() }
    guard !links.isEmpty else {
      finishClosing()
      return
    }
    for (link, _) in links.values { link.leave() }
    eventLoop.scheduleTask(in: TimeAmount(grace)) { [self] in
      for (link, _) in links.values { link.close(Self.isClosed) }
    }
  }

  private func finishClosing() {
    let continuations = closers
    closers = []
    for continuation in continuations { continuation.resume() }
  }
}
