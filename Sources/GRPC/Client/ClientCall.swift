import Synchronization

/// One call at its client: the caller reads and writes here, and transports carry its attempts, now
/// or once they are connected.
///
/// ```
///                                   ┌──────── failed, and may be made again ────────┐
///                                   ▼                                               │
/// begun ──start──▶ waiting for a stream ──attach──▶ carried ──headers──▶ committed  │
///                                   └──────────────────┴────────────────────────────┘
/// any ──trailers──▶ ended (status of the server)
/// any ──fail · cancel · deadline──▶ ended (status of our own; the stream is reset)
/// ```
///
/// What is written while it waits is kept, up to the high-water mark. Until the response headers come,
/// what was written is kept in any case, within the bounds of `RetryConfiguration`: an attempt that no
/// server has seen is made again, and one that failed is, if the method's `RetryPolicy` says so. The
/// deadline is that of all attempts together.
public final class ClientCall: Sendable {
  /// The method that is called.
  public let method: MethodDescriptor
  /// How it is called.
  public let options: CallOptions
  /// When the caller stops waiting; nil: never.
  public let deadline: ContinuousClock.Instant?

  private let channel: any RPCChannel
  private let runtime: any CallRuntime
  /// Whether the caller is on another thread than the calls' own.
  private let isCalledElsewhere: Bool
  private let limits: CallLimits
  private let retries: ChannelRetries
  private let state: Mutex<ClientCallState>
  private let lastWasCompressed = Atomic<Bool>(false)

  /// A call made within a handler takes over the deadline of the call that is handled, when that is
  /// earlier.
  init(_ method: MethodDescriptor, _ options: CallOptions, on channel: any RPCChannel) {
    self.method = method
    self.options = options
    self.channel = channel
    let runtime = channel.runtime
    self.runtime = runtime
    isCalledElsewhere = !runtime.isCurrent
    limits = channel.limits
    retries = channel.retries
    let own = options.timeout.flatMap { timeout in
      timeout < CallRuntimeLimits.longestDelay
        ? runtime.now.advanced(by: max(timeout, .zero)) : nil
    }
    if let handled = ServerContext.current?.deadline {
      deadline = own.map { min($0, handled) } ?? handled
    } else {
      deadline = own
    }
    state = Mutex(
      ClientCallState(
        limits: limits, retry: RetryState(retries.configuration.policy(for: method))))
  }

  /// Starts the deadline and hands the call to its channel.
  func begin() {
    if !isCalledElsewhere, !startDeadline() { return }
    channel.start(self)
  }

  /// Starts the deadline, unless that is done. For channels whose runtime has a thread of its own: to
  /// be called there with every call that is handed to `start`. False: the call is over by it.
  public func startDeadline() -> Bool {
    guard let deadline else { return true }
    let needsTimer = state.withLock { state in
      defer { state.hasDeadlineStarted = true }
      return !state.hasDeadlineStarted && !state.isEnded
    }
    guard needsTimer else { return true }
    let left = runtime.now.duration(to: deadline)
    guard left > .zero else {
      abandon(.deadlineExceeded)
      return false
    }
    // Not weak, which would make each later use of the call dearer: its end cancels the timer.
    let timer = runtime.schedule(after: left) { self.abandon(.deadlineExceeded) }
    let isOver = state.withLock { state in
      if !state.isEnded { state.deadlineTimer = timer }
      return state.isEnded
    }
    if isOver { timer.cancel() }
    return !isOver
  }
}

// MARK: - Events from the transport

extension ClientCall {
  /// What to send at the stream's start, with the time that is left now.
  public var head: RequestHead {
    let left = deadline.map { max(runtime.now.duration(to: $0), .nanoseconds(1)) }
    var head = RequestHead(
      path: method.path, timeout: left, metadata: options.metadata,
      encoding: options.requestEncoding, acceptedEncodings: .supported)
    head.previousAttempts = state.withLock { $0.retry.attempts }
    return head
  }

  /// Whether the call has a status. A channel need not carry such a call.
  public var isEnded: Bool { state.withLock { $0.isEnded } }

  /// There is a stream for the call, and its head is sent: what was written meanwhile goes out now.
  public func attach(_ transport: any CallTransport<ClientOperation>) {
    state.withLock { $0.attach(transport) }
    perform()
  }

  /// The server's header block.
  public func receive(_ head: ResponseHead) {
    let released = state.withLock { $0.receive(head) }
    if released > 0 { retries.release(released) }
    options.received?.setInitial(head.metadata)
  }

  /// Bytes of the server's messages, cut anywhere; answers how many messages they complete.
  @discardableResult
  public func receive(_ bytes: RawSpan) -> Int {
    let (completed, delivery, released, failure) = bytes.withUnsafeBytes { buffer in
      state.withLock { state in
        let released = state.commit()
        var failure: RPCError?
        var completed = 0
        do throws(RPCError) {
          completed = try state.inbound.receive(buffer.bytes)
          if state.hasTooMany { failure = Self.wrongCount }
        } catch {
          failure = error
        }
        return (completed, state.deliver(), released, failure)
      }
    }
    if released > 0 { retries.release(released) }
    carryOut(delivery)
    if let failure { fail(failure, .answered) }
    return completed
  }

  /// Bytes of the server's messages, cut anywhere; answers how many messages they complete.
  @discardableResult
  public func receive(_ bytes: [UInt8]) -> Int {
    receive(bytes.span.bytes)
  }

  /// The server has ended the call; the attempt's last event.
  public func receive(_ trailers: ResponseTrailers) {
    if trailers.code != .ok {
      let failure = AttemptFailure(
        code: trailers.code, progress: .processed, pushback: trailers.pushback)
      if tryAgain(failure) { return }
    }
    guard let ending = state.withLock({ $0.end(trailers, aborts: false) }) else { return }
    if ending.hasRetryPolicy, trailers.code == .ok { retries.succeeded() }
    options.received?.setTrailing(trailers.metadata)
    finish(ending)
  }

  /// The attempt can't go on: its stream was reset (`StatusCode(http2ErrorCode:)`), the connection is
  /// lost or was never made, or the server broke the protocol. What was not read is dropped.
  public func fail(_ error: RPCError, _ progress: AttemptProgress = .processed) {
    let failure = AttemptFailure(code: error.code, progress: progress, pushback: nil)
    if tryAgain(failure) { return }
    abandon(error)
  }

  /// So many bytes of written messages (`OutboundMessage.framedCount`) have left.
  public func sent(_ bytes: Int) {
    let writers = state.withLock { $0.sent(bytes) }
    for writer in writers { writer.continuation.resume() }
  }
}

// MARK: - Attempts

extension ClientCall {
  /// Begins another attempt, now or later, if there is to be one.
  private func tryAgain(_ failure: AttemptFailure) -> Bool {
    let decision = state.withLock { state in
      guard state.isReplaceable else { return RetryState.Decision.giveUp }
      let decision = retries.decide(failure, &state.retry)
      if decision != .giveUp { state.rewind() }
      return decision
    }
    switch decision {
    case .giveUp: return false
    case .again:
      channel.start(self)
    case .after(let delay):
      // Longer than the deadline is as good as any time after it.
      let timer = runtime.schedule(after: min(delay, CallRuntimeLimits.longestDelay)) {
        if !self.isEnded { self.channel.start(self) }
      }
      let isOver = state.withLock { state in
        if !state.isEnded { state.retryTimer = timer }
        return state.isEnded
      }
      if isOver { timer.cancel() }
    }
    return true
  }

  /// Ends the call by a status of our own, whatever its attempt does.
  private func abandon(_ error: RPCError) {
    let ending = state.withLock { $0.end(ResponseTrailers(error), aborts: true) }
    if let ending { finish(ending) }
  }

  private func finish(_ ending: consuming ClientCallState.Ending) {
    if ending.releasedBytes > 0 { retries.release(ending.releasedBytes) }
    ending.deadlineTimer?.cancel()
    ending.retryTimer?.cancel()
    perform()
    carryOut(ending.delivery)
    for writer in ending.writers { writer.continuation.resume(throwing: ending.reason) }
  }

  private func carryOut(_ delivery: ReaderDelivery) {
    delivery.tellTransport()
    guard let caller = delivery.caller else { return }
    if isCalledElsewhere { runtime.resume(caller) } else { caller.resume() }
  }

  /// Performs what waits, in order; at once, or by whoever is at it already.
  private func perform() {
    var isMine = false
    while let (operation, transport) = state.withLock({ $0.nextOperation(isMine: isMine) }) {
      isMine = true
      transport.perform(operation)
    }
  }
}

// MARK: - For the caller

extension ClientCall {
  /// Whether the message read last was compressed.
  var readCompressed: Bool { lastWasCompressed.load(ordering: .relaxed) }
  var initialMetadata: Metadata? { state.withLock { $0.initialMetadata } }
  var trailingMetadata: Metadata? { state.withLock { $0.trailers?.metadata } }

  /// How the part of a call within an interceptor has ended; nil: it has not begun, or was not made.
  static func outcome<R>(
    _ result: Result<R, any Error>?, of call: ClientCall?, after duration: Duration
  ) -> CallOutcome {
    var failure: (any Error)?
    if case .failure(let error)? = result { failure = error }
    let (received, sent, status) =
      call?.state.withLock { ($0.inbound.readCount, $0.writtenCount, $0.trailers?.code) }
      ?? (0, 0, nil)
    let code = (failure as? RPCError)?.code ?? status ?? (failure == nil ? .unknown : .cancelled)
    return CallOutcome(
      code: code, error: failure, messagesReceived: received, messagesSent: sent,
      duration: duration)
  }

  /// What writing throws once the server has ended the call with OK.
  static let endedByServer = RPCError(.cancelled, "the server has ended the call")
  static let writtenAfterEnd = RPCError(.internal, "written after the end of the requests")
  /// gRPC "Status codes": "Response cardinality violation".
  static let wrongCount = RPCError(
    .unimplemented, "the server must answer with exactly one message")
  private static let twoReaders = RPCError(.internal, "a call's messages have two readers")

  /// Gives the call up. Does nothing when it has ended.
  func cancel() {
    guard !isEnded else { return }
    abandon(.cancelled)
  }

  nonisolated(nonsending) func nextMessage() async throws -> [UInt8]? {
    let delivery = state.withLock { $0.readNext() }
    delivery.tellTransport()
    switch delivery.next {
    case .message(let message): return try decompressed(message)
    case .end(nil): return nil
    case .end(let error?): throw error
    case .aborted(let error): throw error
    case .none: break
    }
    let message = try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { park(.next($0), $0) }
    } onCancel: {
      cancelReading()
    }
    return try message.map(decompressed)
  }

  /// The single response, once the call has ended with OK.
  ///
  /// The cancellation of the task must be that of the call.
  nonisolated(nonsending) func onlyResponse() async throws -> [UInt8] {
    let message: InboundMessage?
    switch state.withLock({ $0.readOnly() }) {
    case .message(let now): message = now
    case .end(nil): message = nil
    case .end(let error?): throw error
    case .aborted(let error): throw error
    case .none: message = try await withUnsafeThrowingContinuation { park(.only($0), $0) }
    }
    guard let message else { throw Self.wrongCount }
    let response = try decompressed(message)
    if message.encoding != .identity, try await nextMessage() != nil { throw Self.wrongCount }
    return response
  }

  /// SAFETY: a parked continuation is in the state, and whoever takes it out, under the lock, resumes
  /// it; the call's end takes it out at the latest, and every call ends, since `withCall` cancels it.
  private func park(
    _ reader: ClientCallState.Reader, _ continuation: UnsafeContinuation<InboundMessage?, any Error>
  ) {
    let (delivery, isFirst, hasTooMany) = state.withLock { state in
      let isFirst = state.park(reader)
      // What came between the look and the parking.
      return (isFirst ? state.deliver() : ReaderDelivery(), isFirst, state.hasTooMany)
    }
    guard isFirst else {
      continuation.resume(throwing: Self.twoReaders)
      return
    }
    delivery.tellTransport()
    delivery.caller?.resume()
    if hasTooMany {
      fail(Self.wrongCount, .answered)
    } else if case .next = reader, Task.isCancelled {
      cancelReading()
    }
  }

  private func cancelReading() {
    switch state.withLock({ $0.takeReader() }) {
    case .next(let continuation)?, .only(let continuation)?:
      continuation.resume(throwing: RPCError.cancelled)
    case nil: break
    }
  }

  private func decompressed(_ message: InboundMessage) throws(RPCError) -> [UInt8] {
    lastWasCompressed.store(message.encoding != .identity, ordering: .relaxed)
    do {
      return try message.decompressed(limit: limits.maximumInboundMessage)
    } catch {
      abandon(error)
      throw error
    }
  }
}

// MARK: - Writing

extension ClientCall {
  nonisolated(nonsending) func write(_ bytes: [UInt8], compresses: Bool) async throws {
    let message = try limits.outbound(bytes, in: compresses ? options.requestEncoding : .identity)
    while try !writeNow(message) {
      let id = state.withLock { $0.newWriter() }
      try await withTaskCancellationHandler {
        try await withUnsafeThrowingContinuation { park(writer: id, $0) }
      } onCancel: {
        cancelWriting(id)
      }
    }
  }

  /// Sends a single request, which needs no room, and ends the requests.
  func sendOnly(_ bytes: [UInt8]) throws {
    let message = try limits.outbound(bytes, in: options.requestEncoding)
    let released = state.withLock { state in
      guard state.append(message) else { return 0 }
      let released = keep(message, &state)
      _ = state.finishRequests()
      return released
    }
    if released > 0 { retries.release(released) }
    perform()
  }

  func finishRequests() {
    let isFirst = state.withLock { $0.finishRequests() }
    if isFirst { perform() }
  }

  private func writeNow(_ message: OutboundMessage) throws -> Bool {
    let (admission, released) = state.withLock { state in
      let admission = state.write(message)
      if case .written = admission { return (admission, keep(message, &state)) }
      return (admission, 0)
    }
    if released > 0 { retries.release(released) }
    switch admission {
    case .written:
      perform()
      return true
    case .noRoom: return false
    case .ended(let reason): throw reason
    }
  }

  /// Accounts for a message that is kept for another attempt; when there is no room for it, the call
  /// is committed. Answers how many bytes are to be released.
  private func keep(_ message: OutboundMessage, _ state: inout ClientCallState) -> Int {
    guard state.requests.isKept else { return 0 }
    if state.requests.keptBytes <= retries.configuration.callBuffer,
      retries.reserve(message.framedCount)
    {
      return 0
    }
    // This message was not accounted for.
    return state.commit() - message.framedCount
  }

  /// SAFETY: as for readers.
  private func park(writer id: Int, _ continuation: UnsafeContinuation<Void, any Error>) {
    let writer = ClientCallState.Writer(id: id, continuation: continuation)
    let isParked = state.withLock { $0.park(writer) }
    if !isParked {
      continuation.resume()
    } else if Task.isCancelled {
      cancelWriting(id)
    }
  }

  private func cancelWriting(_ id: Int) {
    let writer = state.withLock { $0.takeWriter(id) }
    writer?.continuation.resume(throwing: RPCError.cancelled)
  }
}
