import Logging
import Synchronization

/// One call at its server: fed with events by its transport, it runs the handler and answers with
/// operations.
///
/// ```
///               begin                    half-close with one message
/// created ─────────────▶ gathering ─────────────────────────────────▶ running
///    │ (the method's requests are a stream)                              │
///    └───────────────────────────────────────────────────────────────▶ running
///    any ── handler returns · throws · deadline · reset · bad message ──▶ ended
/// ```
///
/// A method with a single request starts its handler once the request is whole, so such a handler
/// finds all it needs and need not suspend. The call ends exactly once, by the first of its reasons.
public final class ServerCall: Sendable {
  private enum Phase {
    /// Can move to: gathering, running, ended.
    case created
    /// Waits for the single request. Can move to: running, ended.
    case gathering
    /// The handler runs; its task is here once the runtime has handed it over. Can move to: ended.
    case running(Task<Void, Never>?)
    /// Can move to: nothing.
    case ended
  }

  private struct Life {
    var phase = Phase.created
    var timer: ScheduledAction?
    /// The client's, or what an interceptor has made of it.
    var metadata: Metadata
    var trailingMetadata = Metadata()
    var pushback: RetryPushback?
    /// The call's status, where its handler had no say.
    var cutOffBy: StatusCode?
  }

  let peer: CallPeer
  let deadline: ContinuousClock.Instant?
  private let arrival: ContinuousClock.Instant
  let acceptedEncodings: MessageEncodings
  let previousAttempts: Int32

  private let route: Route?
  private let hasSingleRequest: Bool
  private let timeout: Duration?
  private let limits: CallLimits
  private let runtime: any CallRuntime
  private let logger: Logger
  private let streams: CallStreams
  private let life: Mutex<Life>
  private let responseEncoding: Atomic<MessageEncoding>
  private let lastWasCompressed = Atomic<Bool>(false)

  /// A call that has come, now or at `arrival`; nothing happens before `begin()`.
  public init(
    head: RequestHead, peer: CallPeer, router: borrowing Router, limits: CallLimits = CallLimits(),
    transport: any CallTransport<ServerOperation>, runtime: any CallRuntime, logger: Logger,
    arrival: ContinuousClock.Instant? = nil
  ) {
    route = Self.route(for: head, in: router)
    self.peer = peer
    life = Mutex(Life(metadata: head.metadata))
    hasSingleRequest = route?.method.kind.hasSingleRequest ?? false
    timeout = head.timeout.flatMap { $0 < CallRuntimeLimits.longestDelay ? max($0, .zero) : nil }
    let arrival = arrival ?? runtime.now
    self.arrival = arrival
    deadline = timeout.map { arrival.advanced(by: $0) }
    self.limits = limits
    self.runtime = runtime
    self.logger = logger
    acceptedEncodings = head.acceptedEncodings
    previousAttempts = Int32(clamping: head.previousAttempts)
    let encoding =
      acceptedEncodings.contains(router.responseEncoding) ? router.responseEncoding : .identity
    responseEncoding = Atomic(encoding)
    streams = CallStreams(
      limits: limits, encoding: head.encoding,
      head: ResponseHead(encoding: encoding), transport: transport,
      cancellation: Self.over)
  }

  private static func route(for head: RequestHead, in router: Router) -> Route? {
    head.route ?? router.route(path: Array(head.path.utf8).span)
      ?? router.unknownRoute(path: head.path)
  }

  @usableFromInline
  var context: ServerContext { ServerContext(call: self) }

  /// Only of use to handlers, and so of a call that has one.
  var method: MethodDescriptor { route?.method ?? Self.noMethod }

  private static let noMethod = MethodDescriptor(service: "", method: "", kind: .unary)
}

// MARK: - Events from the transport

extension ServerCall {
  /// Starts the call: its deadline, and its handler if the requests are a stream. The answer, such
  /// as UNIMPLEMENTED for an unknown method, may come before it returns.
  public func begin() {
    guard route != nil else {
      abort(.noSuchMethod)
      return
    }
    var timer: ScheduledAction?
    if let timeout {
      // Strong: it is cancelled when the call ends, as every call does.
      timer = runtime.schedule(after: timeout) { self.expire() }
    }
    life.withLock { life in
      life.timer = timer.take()
      if hasSingleRequest { life.phase = .gathering }
    }
    if !hasSingleRequest { startHandler() }
  }

  /// Bytes of the client's messages, cut anywhere; answers how many messages they complete.
  @discardableResult
  public func receive(_ bytes: RawSpan) -> Int {
    do {
      let (completed, waiting) = try streams.receive(bytes)
      if waiting > 1, hasSingleRequest, isGathering { abort(Self.wrongCount) }
      return completed
    } catch {
      abort(error)
      return 0
    }
  }

  /// Bytes of the client's messages, cut anywhere; answers how many messages they complete.
  @discardableResult
  public func receive(_ bytes: [UInt8]) -> Int {
    receive(bytes.span.bytes)
  }

  /// The client has ended its side (END_STREAM).
  public func receiveEnd() {
    let (cut, waiting) = streams.finishReceiving()
    if let cut {
      abort(cut)
    } else if hasSingleRequest {
      if waiting == 1 { startHandler() } else if isGathering { abort(Self.wrongCount) }
    }
  }

  /// The client has given the call up, or its connection is lost: the handler is cancelled, and
  /// nothing is answered.
  public func reset() {
    guard let ended = end(.cancelled) else { return }
    streams.abort(Self.over, last: nil)
    ended.task?.cancel()
    if !ended.hadHandler { interceptRefused(.cancelled) }
  }

  /// The transport can't carry the call on: it is answered at once, and its handler cancelled. False:
  /// the call had ended before.
  public func cutOff(_ error: RPCError) -> Bool { abort(error) }

  /// The memory that messages which the handler has not read take, in bytes.
  public var heldBytes: Int { streams.held }

  /// The message that keeps the call waiting though the client owes its rest: a method's single request
  /// until the client has ended its side, or one that has begun to come while no other is left to
  /// read; nil: there is none.
  public var awaited: MessageUnderWay? {
    guard hasSingleRequest else { return streams.underWay }
    return isGathering ? MessageUnderWay(number: 0, bytes: streams.held) : nil
  }

  /// So many bytes of written messages (`OutboundMessage.framedCount`) have left.
  public func sent(_ bytes: Int) {
    streams.sent(bytes)
  }

  /// What reading and writing throw once the call has ended.
  private static let over: any Error = CancellationError()

  /// gRPC "Status codes": "Request cardinality violation".
  private static let wrongCount = RPCError(
    .unimplemented, "the method takes exactly one request message")

  private var isGathering: Bool {
    life.withLock { life in
      if case .gathering = life.phase { true } else { false }
    }
  }
}

// MARK: - For the handler

extension ServerCall {
  nonisolated(nonsending) func nextMessage() async throws -> [UInt8]? {
    guard let message = try await streams.next() else { return nil }
    return try decompressed(message)
  }

  /// The single request: there, since the handler is not started before.
  @usableFromInline
  func onlyRequest() throws -> [UInt8] {
    guard let message = try streams.nextAtOnce() else { throw Self.wrongCount }
    return try decompressed(message)
  }

  /// Here, and not as bytes come in: what waits to be read stays as small as it came. A message that
  /// can't be decompressed ends the call, whatever the handler makes of the error.
  private func decompressed(_ message: InboundMessage) throws(RPCError) -> [UInt8] {
    lastWasCompressed.store(message.encoding != .identity, ordering: .relaxed)
    do {
      return try message.decompressed(limit: limits.maximumInboundMessage)
    } catch {
      abort(error)
      throw error
    }
  }

  nonisolated(nonsending) func write(_ bytes: [UInt8], compresses: Bool) async throws {
    let message = try limits.outbound(bytes, in: compresses ? encoding : .identity)
    try await streams.write(message)
  }

  /// Whether the message read last was compressed.
  var readCompressed: Bool { lastWasCompressed.load(ordering: .relaxed) }

  private var encoding: MessageEncoding { responseEncoding.load(ordering: .relaxed) }

  var metadata: Metadata { life.withLock(\.metadata) }

  func setMetadata(_ metadata: Metadata) {
    life.withLock { $0.metadata = metadata }
  }

  func setResponseEncoding(_ encoding: MessageEncoding) -> Bool {
    guard acceptedEncodings.contains(encoding),
      streams.replaceHead(ResponseHead(encoding: encoding))
    else { return false }
    responseEncoding.store(encoding, ordering: .relaxed)
    return true
  }

  func sendInitialMetadata(_ metadata: Metadata) {
    _ = streams.performHead(ResponseHead(metadata: metadata, encoding: encoding))
  }

  func setTrailingMetadata(_ metadata: Metadata) {
    life.withLock { $0.trailingMetadata = metadata }
  }

  func setRetryPushback(_ pushback: RetryPushback) {
    life.withLock { $0.pushback = pushback }
  }
}

// MARK: - The handler's life

extension ServerCall {
  private func startHandler() {
    let begins = life.withLock { life in
      switch life.phase {
      case .created, .gathering:
        life.phase = .running(nil)
        return true
      case .running, .ended: return false
      }
    }
    guard begins else { return }
    // The task takes the value over, which costs less than to set it there.
    let task = ServerContext.$current.withValue(context) { runtime.start(self) }
    let isOver = life.withLock { life in
      switch life.phase {
      case .running:
        life.phase = .running(task)
        return false
      case .created, .gathering, .ended: return true
      }
    }
    if isOver { task.cancel() }
  }

  /// Runs the handler and ends the call with what becomes of it: what a `CallRuntime` starts.
  ///
  /// It ends by itself when its task is cancelled, and it never throws.
  public nonisolated(nonsending) func runHandler() async {
    guard let route else { return }
    do {
      // Here, and not within the route: each function on the way to a handler costs each call.
      let response: [UInt8]? =
        if let interceptors = route.interceptors {
          try await interceptors.run(self, from: 0, since: arrival, route.handler)
        } else {
          try await route.handler(self)
        }
      let message = try response.map { try limits.outbound($0, in: encoding) }
      succeed(message)
    } catch {
      fail(status(of: error))
    }
  }

  private func succeed(_ message: OutboundMessage?) {
    guard let ended = end() else { return }
    let trailers = ResponseTrailers(metadata: ended.trailingMetadata)
    streams.finish(message, trailers, withHead: true, reason: Self.over)
  }

  private func fail(_ error: RPCError) {
    guard let ended = end() else { return }
    streams.finish(nil, trailers(error, ended), withHead: false, reason: Self.over)
  }

  /// The call can't go on: answers at once and cancels the handler.
  @discardableResult
  private func abort(_ error: RPCError) -> Bool {
    guard let ended = end(error.code) else { return false }
    streams.abort(Self.over, last: .abort(trailers(error, ended)))
    ended.task?.cancel()
    if !ended.hadHandler { interceptRefused(error) }
    return true
  }

  private func trailers(_ error: RPCError, _ ended: Ended) -> ResponseTrailers {
    var trailers = ResponseTrailers(error, metadata: ended.trailingMetadata)
    trailers.pushback = life.withLock(\.pushback)
    return trailers
  }

  private func expire() {
    abort(.deadlineExceeded)
  }

  /// What a call leaves when it ends.
  private struct Ended {
    /// To be cancelled, unless it is the one that ends the call.
    let task: Task<Void, Never>?
    let hadHandler: Bool
    let trailingMetadata: Metadata
  }

  /// Moves to `ended`; nil when it was there. With a code when something else than the handler's end
  /// has ended the call.
  private func end(_ code: StatusCode? = nil) -> Ended? {
    var timer: ScheduledAction?
    let ended: Ended? = life.withLock { life in
      let task: Task<Void, Never>?
      let hadHandler: Bool
      switch life.phase {
      case .created, .gathering: (task, hadHandler) = (nil, false)
      case .running(let running): (task, hadHandler) = (running, true)
      case .ended: return nil
      }
      life.phase = .ended
      life.cutOffBy = code
      timer = life.timer.take()
      return Ended(task: task, hadHandler: hadHandler, trailingMetadata: life.trailingMetadata)
    }
    timer?.cancel()
    return ended
  }

  /// The status for what a handler throws. Only an `RPCError` says something of itself to the peer.
  private func status(of error: any Error) -> RPCError {
    if let status = knownStatus(of: error) { return status }
    logger.error("a handler failed", metadata: ["method": "\(method.path)", "error": "\(error)"])
    return RPCError(.unknown, "the server failed to handle the call")
  }

  private func knownStatus(of error: any Error) -> RPCError? {
    switch error {
    case let error as RPCError: return error
    case is CancellationError:
      if let deadline, runtime.now >= deadline { return .deadlineExceeded }
      return .cancelled
    default: return nil
    }
  }
}

// MARK: - For interceptors

extension ServerCall {
  /// How the part of a call within an interceptor has ended; nil has not begun.
  func outcome(
    _ result: Result<[UInt8]?, any Error>?, since start: ContinuousClock.Instant
  ) -> CallOutcome {
    var counts = streams.counts
    var code = StatusCode.ok
    var failure: (any Error)?
    switch result {
    case .success(let response)?:
      if response != nil { counts.sent += 1 }
    case .failure(let error)?:
      failure = error
      let status = knownStatus(of: error)?.code ?? .unknown
      code = status == .ok ? .unknown : status
    case nil: code = .unknown
    }
    return CallOutcome(
      code: life.withLock(\.cutOffBy) ?? code, error: failure, messagesReceived: counts.received,
      messagesSent: counts.sent, duration: start.duration(to: runtime.now))
  }

  /// Lets the interceptors see a call that ended before its handler began.
  private func interceptRefused(_ error: RPCError) {
    guard let interceptors = route?.interceptors else { return }
    // Nobody waits for it, and what comes of it goes nowhere.
    _ = runtime.start {
      _ = try? await ServerContext.$current.withValue(self.context) {
        try await interceptors.run(self, from: 0, since: self.arrival) { _ in throw error }
      }
    }
  }
}

extension CallLimits {
  /// A message to send, compressed where that is a gain, when it is within the limit as it is.
  func outbound(
    _ bytes: [UInt8], in encoding: MessageEncoding
  ) throws(RPCError) -> OutboundMessage {
    guard bytes.count <= min(maximumOutboundMessage, Int(UInt32.max)) else {
      throw RPCError(
        .resourceExhausted,
        "a message of \(bytes.count) bytes to send; the limit is \(maximumOutboundMessage) bytes")
    }
    return OutboundMessage(bytes, in: encoding)
  }
}
