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
  let limits: CallLimits
  let retries: ChannelRetries
  let state: Mutex<ClientCallState>
  /// Of the message read last.
  let lastWasCompressed = Atomic<Bool>(false)

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
  func abandon(_ error: RPCError) {
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
  func perform() {
    var isMine = false
    while let (operation, transport) = state.withLock({ $0.nextOperation(isMine: isMine) }) {
      isMine = true
      transport.perform(operation)
    }
  }
}
