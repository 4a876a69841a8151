/// How far a message has come that is not whole.
public struct MessageUnderWay: Sendable, Hashable {
  /// How many messages of the call came before it.
  public let number: Int
  /// Bytes of it, with its prefix, that are there.
  public let bytes: Int

  /// A message of this number, and how much of it there is.
  public init(number: Int, bytes: Int) {
    self.number = number
    self.bytes = bytes
  }
}

/// The messages of one direction that have come and are not yet read.
///
/// It also says when the peer may send more. Bytes count as consumed when their message is read;
/// those of an incomplete message already when nothing else is left to read, or else a message
/// larger than the peer's window would never come to its end. So at most a window and one message
/// are held.
///
/// ```
/// open ──finish──▶ finishing ──queue read empty──▶ (next answers the end, for ever)
///   └────abort────▶ aborted ◀──abort──┘
/// ```
struct InboundMessages: ~Copyable {
  /// What reading finds.
  enum Next {
    case message(InboundMessage)
    /// Nothing yet.
    case none
    /// The stream is at its end: normally, or by the peer's error.
    case end(RPCError?)
    /// The call is over; what was not read is dropped.
    case aborted(any Error)
  }

  private enum State {
    /// Can move to: finishing, aborted.
    case open
    /// The peer sends no more. Can move to: aborted.
    case finishing(RPCError?)
    /// Can move to: nothing.
    case aborted(any Error)
  }

  private struct Waiting {
    let message: InboundMessage
    /// Bytes to count as consumed when it is read.
    let cost: Int
  }

  private var state = State.open
  private var queue = ShortQueue<Waiting>()
  private var deframer: MessageDeframer
  /// Bytes of the incomplete message that are counted as consumed already.
  private var partialConsumed = 0
  private var consumed = 0

  /// Consumption is told in portions of at least so many bytes, or when there is nothing to read.
  private static let portion = 16 << 10

  init(limit: Int, encoding: MessageEncoding = .identity) {
    deframer = MessageDeframer(limit: limit, encoding: encoding)
  }

  /// How messages that come from now on are compressed, if they are.
  var encoding: MessageEncoding {
    get { deframer.encoding }
    set { deframer.encoding = newValue }
  }

  /// How many messages were read.
  private(set) var readCount = 0

  /// The memory that unread messages take, in bytes, also for being many.
  var held: Int { queuedBytes + queue.count * Self.overhead + deframer.partialCount }

  /// The message that the reader has to wait for, since the peer has begun it and nothing else is
  /// left to read; nil: there is none.
  var underWay: MessageUnderWay? {
    guard isOpen, queue.isEmpty, deframer.partialCount > 0 else { return nil }
    return MessageUnderWay(number: readCount, bytes: deframer.partialCount)
  }

  private var queuedBytes = 0
  /// What a waiting message takes beside its bytes, about.
  private static let overhead = 96

  /// How many whole messages wait.
  var count: Int { queue.count }

  /// Whether the message to be read next is there, and compressed.
  var isNextCompressed: Bool {
    guard let next = queue.first else { return false }
    return next.message.encoding != .identity
  }

  /// Whether the peer can still send.
  var isOpen: Bool {
    if case .open = state { true } else { false }
  }

  /// Takes bytes from the peer, and answers how many messages they complete; after the end they are
  /// dropped and count as consumed.
  @discardableResult
  mutating func receive(_ bytes: RawSpan) throws(RPCError) -> Int {
    guard isOpen else {
      consumed += bytes.byteCount
      return 0
    }
    var completed = 0
    var offset = 0
    // After an error the call is aborted; what the deframer did not take is consumed by then.
    defer { consumed += bytes.byteCount - offset }
    while let message = try deframer.next(in: bytes, from: &offset) {
      queue.append(Waiting(message: message, cost: message.framedCount - partialConsumed))
      queuedBytes += message.payload.count
      partialConsumed = 0
      completed += 1
    }
    consumePartialIfIdle()
    return completed
  }

  mutating func next() -> Next {
    switch state {
    case .aborted(let error): return .aborted(error)
    case .open, .finishing: break
    }
    if let first = queue.popFirst() {
      consumed += first.cost
      readCount += 1
      queuedBytes -= first.message.payload.count
      consumePartialIfIdle()
      return .message(first.message)
    }
    switch state {
    case .open: return .none
    case .finishing(let error): return .end(error)
    case .aborted(let error): return .aborted(error)
    }
  }

  /// The peer's last word on this direction. A message cut short is an INTERNAL error, unless the
  /// peer says which error it was. Answers the error that is thrown when all is read.
  mutating func finish(_ error: RPCError?) -> RPCError? {
    guard isOpen else { return nil }
    let cut = RPCError(.internal, "the stream ended within a message")
    let final = error ?? (deframer.partialCount > 0 ? cut : nil)
    state = .finishing(final)
    return final
  }

  /// Ends reading at once; what was not read is dropped and counts as consumed.
  mutating func abort(_ error: any Error) {
    if case .aborted = state { return }
    state = .aborted(error)
    consumed += deframer.partialCount - partialConsumed
    while let dropped = queue.popFirst() { consumed += dropped.cost }
    queuedBytes = 0
    deframer = MessageDeframer(limit: deframer.limit)
    partialConsumed = 0
  }

  /// The bytes to tell the peer of as consumed now; zero when it is too early to bother.
  mutating func takeConsumed() -> Int {
    guard consumed >= Self.portion || queue.isEmpty else { return 0 }
    defer { consumed = 0 }
    return consumed
  }

  private mutating func consumePartialIfIdle() {
    guard queue.isEmpty else { return }
    consumed += deframer.partialCount - partialConsumed
    partialConsumed = deframer.partialCount
  }
}
