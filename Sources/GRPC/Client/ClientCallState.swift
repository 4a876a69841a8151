import DequeModule

/// All that changes of a client's call, in one value behind one lock: what it reads, what it writes,
/// and how far it is.
struct ClientCallState: ~Copyable {
  /// A task that waits for messages.
  enum Reader: Sendable {
    /// For the next one, or the end.
    case next(UnsafeContinuation<InboundMessage?, any Error>)
    /// For the end, with the only one; for that alone if it is compressed, and so may be no message.
    case only(UnsafeContinuation<InboundMessage?, any Error>)
  }

  /// A task that waits for room to write.
  struct Writer: Sendable {
    let id: Int
    let continuation: UnsafeContinuation<Void, any Error>
  }

  // Reading.
  var inbound: InboundMessages
  private var reader: Reader?
  // Writing.
  private let limits: CallLimits
  private var budget: OutboundBudget
  /// How many messages the caller has written, however often they were sent.
  private(set) var writtenCount = 0
  private var writers: Deque<Writer> = []
  private var nextWriter = 0
  private(set) var requests = RequestLog()
  private(set) var hasFinishedRequests = false
  /// Why nothing can be written any more.
  private(set) var writeEnd: (any Error)?
  /// Of the attempt under way.
  private var transport: (any CallTransport<ClientOperation>)?
  private var isPerforming = false
  // Life.
  private(set) var initialMetadata: Metadata?
  /// The status, once the call has ended.
  private(set) var trailers: ResponseTrailers?
  /// Whether there are trailers, which are dear to look at.
  private(set) var isEnded = false
  var retry: RetryState
  var hasDeadlineStarted = false
  /// The deadline's, and that of the next attempt.
  var deadlineTimer: ScheduledAction?
  var retryTimer: ScheduledAction?

  // As errors of any kind already, since each call has them.
  private static let writtenAfterEnd: any Error = ClientCall.writtenAfterEnd
  private static let endedByServer: any Error = ClientCall.endedByServer

  init(limits: CallLimits, retry: RetryState) {
    self.limits = limits
    self.retry = retry
    inbound = InboundMessages(limit: limits.maximumInboundMessage)
    budget = OutboundBudget(limits)
  }

  /// Whether another attempt may take the place of the one under way.
  var isReplaceable: Bool { !isEnded && requests.isKept }

  // MARK: Reading

  /// Parks a reader; false: there is one already.
  mutating func park(_ reader: Reader) -> Bool {
    guard self.reader == nil else { return false }
    self.reader = reader
    return true
  }

  mutating func takeReader() -> Reader? { reader.take() }

  /// What there is for the reader, if one waits, and what to tell the transport.
  mutating func deliver() -> ReaderDelivery {
    var delivery = ReaderDelivery()
    switch reader {
    case .next(let continuation)?:
      delivery.next = inbound.next()
      if case .none = delivery.next { break }
      delivery.reader = continuation
      reader = nil
    case .only(let continuation)? where !inbound.isOpen || inbound.isNextCompressed:
      delivery.next = only()
      delivery.reader = continuation
      reader = nil
    case .only?, nil: break
    }
    takeConsumed(into: &delivery)
    return delivery
  }

  /// The next message, for a reader that does not wait yet.
  mutating func readNext() -> ReaderDelivery {
    var delivery = ReaderDelivery()
    delivery.next = inbound.next()
    takeConsumed(into: &delivery)
    return delivery
  }

  /// What a reader of the only message finds without waiting.
  mutating func readOnly() -> InboundMessages.Next {
    inbound.isOpen && !inbound.isNextCompressed ? .none : only()
  }

  /// Whether a reader that takes only one message has more of them.
  var hasTooMany: Bool {
    if case .only? = reader { inbound.count > 1 } else { false }
  }

  private mutating func only() -> InboundMessages.Next {
    switch inbound.next() {
    case .message(let message):
      if message.encoding != .identity { return .message(message) }
      switch inbound.next() {
      case .end(nil): return .message(message)
      case .end(let error?): return .end(error)
      case .aborted(let error): return .aborted(error)
      case .message, .none: return .aborted(ClientCall.wrongCount)
      }
    case .end(nil), .none: return .aborted(ClientCall.wrongCount)
    case .end(let error?): return .end(error)
    case .aborted(let error): return .aborted(error)
    }
  }

  private mutating func takeConsumed(into delivery: inout ReaderDelivery) {
    // A stream that is over has given everything back.
    guard !isEnded else { return }
    delivery.consumed = inbound.takeConsumed()
    if delivery.consumed > 0 { delivery.transport = transport }
  }

  // MARK: Writing

  enum Admission {
    case written
    case noRoom
    case ended(any Error)
  }

  /// Appends a message if there is room for it.
  mutating func write(_ message: OutboundMessage) -> Admission {
    if let writeEnd { return .ended(writeEnd) }
    guard budget.hasRoom else { return .noRoom }
    return append(message) ? .written : .noRoom
  }

  /// Appends a message without looking for room; false: nothing can be written any more.
  mutating func append(_ message: OutboundMessage) -> Bool {
    guard writeEnd == nil else { return false }
    writtenCount += 1
    budget.written(message.framedCount)
    requests.append(.message(message))
    return true
  }

  /// Ends the requests; false: they have ended.
  mutating func finishRequests() -> Bool {
    guard !hasFinishedRequests else { return false }
    hasFinishedRequests = true
    guard writeEnd == nil else { return false }
    writeEnd = Self.writtenAfterEnd
    requests.append(.end)
    return true
  }

  mutating func newWriter() -> Int {
    nextWriter += 1
    return nextWriter
  }

  /// Parks a writer; false: it is to look again.
  mutating func park(_ writer: Writer) -> Bool {
    guard writeEnd == nil, !budget.hasRoom else { return false }
    writers.append(writer)
    return true
  }

  mutating func takeWriter(_ id: Int) -> Writer? {
    writers.firstIndex { $0.id == id }.map { writers.remove(at: $0) }
  }

  mutating func takeWriters() -> Deque<Writer> {
    defer { writers = [] }
    return writers
  }

  /// So many bytes have left; the writers that go on.
  mutating func sent(_ bytes: Int) -> Deque<Writer> {
    budget.sent(bytes) ? takeWriters() : []
  }

  // MARK: Performing

  mutating func attach(_ transport: any CallTransport<ClientOperation>) {
    self.transport = transport
  }

  /// The next operation, and who is to perform it; nil when there is none, or somebody else is at
  /// it. `isMine`: the caller is the one who is at it.
  mutating func nextOperation(
    isMine: Bool
  ) -> (ClientOperation, any CallTransport<ClientOperation>)? {
    guard isMine || !isPerforming else { return nil }
    guard let transport, let operation = requests.next() else {
      isPerforming = false
      // Nothing follows the end.
      if isEnded { transport = nil }
      return nil
    }
    isPerforming = true
    return (operation, transport)
  }

  // MARK: Life

  /// The response headers are there: what comes now is the call's. Answers what is not kept any more.
  mutating func receive(_ head: ResponseHead) -> Int {
    guard !isEnded, initialMetadata == nil else { return 0 }
    initialMetadata = head.metadata
    if head.encoding != .identity { inbound.encoding = head.encoding }
    return requests.commit()
  }

  mutating func commit() -> Int { requests.commit() }

  /// Forgets the attempt under way, so that another begins with the first request.
  mutating func rewind() {
    transport = nil
    budget = OutboundBudget(limits)
    budget.written(requests.rewind())
  }

  /// What is left to do when a call has ended.
  struct Ending: ~Copyable {
    var delivery = ReaderDelivery()
    var writers: Deque<Writer> = []
    var reason: any Error
    var releasedBytes = 0
    /// Whether the call's method has a policy for retries.
    var hasRetryPolicy: Bool
    var deadlineTimer: ScheduledAction?
    var retryTimer: ScheduledAction?
  }

  /// Ends the call by the server's word, or by our own; nil when it has ended.
  mutating func end(_ trailers: ResponseTrailers, aborts: Bool) -> Ending? {
    guard !isEnded else { return nil }
    isEnded = true
    self.trailers = trailers
    let error = trailers.error
    let reason: any Error = error ?? Self.endedByServer
    let isThrough = hasFinishedRequests && requests.isEmpty
    let released = requests.commit()
    requests.replace(by: isThrough && !aborts ? nil : .cancel)
    if !hasFinishedRequests || aborts { writeEnd = reason }
    if aborts {
      inbound.abort(reason)
    } else {
      _ = inbound.finish(error)
    }
    return Ending(
      delivery: deliver(), writers: takeWriters(), reason: reason, releasedBytes: released,
      hasRetryPolicy: retry.policy != nil,
      deadlineTimer: deadlineTimer.take(), retryTimer: retryTimer.take())
  }
}

/// What is to be done for a reader once the lock is free.
struct ReaderDelivery: Sendable {
  var reader: UnsafeContinuation<InboundMessage?, any Error>?
  var next = InboundMessages.Next.none
  var consumed = 0
  var transport: (any CallTransport<ClientOperation>)?

  func tellTransport() { transport?.consumed(consumed) }

  /// The reader that is to go on, if there is one.
  var caller: WaitingCaller? {
    guard let reader else { return nil }
    switch next {
    case .message(let message):
      return WaitingCaller(continuation: reader, result: .success(message))
    case .end(nil): return WaitingCaller(continuation: reader, result: .success(nil))
    case .end(let error?): return WaitingCaller(continuation: reader, result: .failure(error))
    case .aborted(let error): return WaitingCaller(continuation: reader, result: .failure(error))
    case .none: return nil
    }
  }
}
