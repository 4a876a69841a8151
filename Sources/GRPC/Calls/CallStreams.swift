import DequeModule
import Synchronization

/// The two message directions of one call, between the transport's events and the task that reads
/// and writes. The same for both sides.
///
/// Reading and writing suspend only when there is nothing to read, or no room to write. The lock
/// guards a few words and is never held while a transport or a task is called; on the executor of a
/// connection it is never contended.
struct CallStreams<Operation: Sendable>: ~Copyable, Sendable {
  // Not private: whoever holds a `CallStreams` holds this too.
  struct State: ~Copyable {
    var inbound: InboundMessages
    var budget: OutboundBudget
    var reader: WaitingReader?
    var writers: Deque<WaitingWriter> = []
    var nextWriter = 0
    /// Why nothing can be written any more.
    var writeEnd: (any Error)?
    /// Goes before the first operation.
    var head: Operation?
    var outbox: Deque<Operation> = []
    var transport: (any CallTransport<Operation>)?
    /// Somebody is at the outbox, so that operations stay in order.
    var isPerforming = false

    fileprivate mutating func enqueue(_ operation: Operation) {
      if let head = head.take() { outbox.append(head) }
      outbox.append(operation)
    }

    /// What there is for a reader that waits. Call it before `takeConsumed`.
    fileprivate mutating func deliver() -> Delivery? {
      guard reader != nil else { return nil }
      let next = inbound.next()
      if case .none = next { return nil }
      return reader.take().map { Delivery(reader: $0, next: next) }
    }

    /// Whom to tell of how many bytes as consumed.
    fileprivate mutating func takeConsumed() -> Consumed<Operation>? {
      let bytes = inbound.takeConsumed()
      guard bytes > 0, let transport else { return nil }
      return Consumed(transport: transport, bytes: bytes)
    }

    /// The transport, when nothing is in the way and the caller may perform at once; it then calls
    /// `performAll(isMine: true)`.
    fileprivate mutating func beginPerforming() -> (any CallTransport<Operation>)? {
      guard !isPerforming, outbox.isEmpty, let transport else { return nil }
      isPerforming = true
      return transport
    }
  }

  private let state: Mutex<State>
  private let cancellation: any Error

  /// `cancellation` is thrown to a task that is cancelled while it waits here; `encoding` is that
  /// of the peer's compressed messages.
  init(
    limits: CallLimits, encoding: MessageEncoding = .identity, head: Operation?,
    transport: (any CallTransport<Operation>)?, cancellation: any Error
  ) {
    state = Mutex(
      State(
        inbound: InboundMessages(limit: limits.maximumInboundMessage, encoding: encoding),
        budget: OutboundBudget(limits), head: head, transport: transport))
    self.cancellation = cancellation
  }
}

// MARK: - Reading

extension CallStreams {
  /// The next message; nil at the normal end.
  ///
  /// - Throws: the peer's error after the last message; what the call was aborted with, at once;
  ///   `cancellation`.
  nonisolated(nonsending) func next() async throws -> InboundMessage? {
    switch readNow() {
    case .message(let message): return message
    case .end(nil): return nil
    case .end(let error?): throw error
    case .aborted(let error): throw error
    case .none: break
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { park($0) }
    } onCancel: {
      let reader = state.withLock { $0.reader.take() }
      reader?.continuation.resume(throwing: cancellation)
    }
  }

  /// The next message where it need not be waited for; nil: it is not there, or there is none.
  ///
  /// - Throws: as `next()`.
  func nextAtOnce() throws -> InboundMessage? {
    switch readNow() {
    case .message(let message): return message
    case .end(nil), .none: return nil
    case .end(let error?): throw error
    case .aborted(let error): throw error
    }
  }

  /// Messages that were read, and written, but for a last one that goes with the end.
  var counts: (received: Int, sent: Int) {
    state.withLock { ($0.inbound.readCount, $0.budget.writtenCount) }
  }

  /// The memory that unread messages take, in bytes.
  var held: Int { state.withLock { $0.inbound.held } }

  /// The message that the reader has to wait for though the peer has begun it.
  var underWay: MessageUnderWay? { state.withLock { $0.inbound.underWay } }

  private func readNow() -> InboundMessages.Next {
    let (next, consumed) = state.withLock { ($0.inbound.next(), $0.takeConsumed()) }
    consumed?.tell()
    return next
  }

  private func park(_ continuation: CheckedContinuation<InboundMessage?, any Error>) {
    let isSecond = state.withLock { state in
      if state.reader != nil { return true }
      state.reader = WaitingReader(continuation)
      return false
    }
    if isSecond {
      continuation.resume(throwing: RPCError(.internal, "a call's messages have two readers"))
    } else if Task.isCancelled {
      let reader = state.withLock { $0.reader.take() }
      reader?.continuation.resume(throwing: cancellation)
    } else {
      // What came between the look and the parking.
      wakeReader()
    }
  }

  /// Hands the reader that waits, if any, what there is, and tells the transport what is consumed.
  private func wakeReader() {
    let (delivery, consumed) = state.withLock { ($0.deliver(), $0.takeConsumed()) }
    consumed?.tell()
    delivery?.carryOut()
  }
}

/// A task that waits for a message. A class, so that a state without one costs next to nothing.
final class WaitingReader: Sendable {
  let continuation: CheckedContinuation<InboundMessage?, any Error>

  init(_ continuation: CheckedContinuation<InboundMessage?, any Error>) {
    self.continuation = continuation
  }
}

/// A task that waits for room to write.
struct WaitingWriter: Sendable {
  let id: Int
  let continuation: CheckedContinuation<Void, any Error>
}

/// What is to be done for a reader once the lock is free.
private struct Delivery: Sendable {
  let reader: WaitingReader
  let next: InboundMessages.Next

  func carryOut() {
    switch next {
    case .message(let message): reader.continuation.resume(returning: message)
    case .end(nil): reader.continuation.resume(returning: nil)
    case .end(let error?): reader.continuation.resume(throwing: error)
    case .aborted(let error): reader.continuation.resume(throwing: error)
    case .none: break
    }
  }
}

/// What is to be said to the transport once the lock is free.
private struct Consumed<Operation: Sendable>: Sendable {
  let transport: any CallTransport<Operation>
  let bytes: Int

  func tell() { transport.consumed(bytes) }
}

// MARK: - Events from the transport

extension CallStreams {
  /// Takes bytes of the peer; answers how many messages they complete, and how many wait then. After
  /// it throws, the call must be aborted.
  @discardableResult
  func receive(_ bytes: RawSpan) throws(RPCError) -> (completed: Int, waiting: Int) {
    var fault: RPCError?
    var completed = 0
    var waiting = 0
    let (delivery, consumed) = bytes.withUnsafeBytes { buffer in
      state.withLock { state in
        do throws(RPCError) {
          completed = try state.inbound.receive(buffer.bytes)
        } catch {
          fault = error
        }
        let delivery = state.deliver()
        waiting = state.inbound.count
        return (delivery, state.takeConsumed())
      }
    }
    consumed?.tell()
    delivery?.carryOut()
    if let fault { throw fault }
    return (completed, waiting)
  }

  /// The peer sends no more messages; with an error, it is thrown once the others are read. Answers
  /// the error that ends the reading, also that a message is cut short, and how many messages wait.
  @discardableResult
  func finishReceiving(_ error: RPCError?) -> (final: RPCError?, waiting: Int) {
    var final: RPCError?
    var waiting = 0
    let (delivery, consumed) = state.withLock { state in
      final = state.inbound.finish(error)
      let delivery = state.deliver()
      waiting = state.inbound.count
      return (delivery, state.takeConsumed())
    }
    consumed?.tell()
    delivery?.carryOut()
    return (final, waiting)
  }

  /// The encoding of the peer's compressed messages from now on.
  func setInboundEncoding(_ encoding: MessageEncoding) {
    state.withLock { $0.inbound.encoding = encoding }
  }

  /// So many written bytes have left.
  func sent(_ bytes: Int) {
    let writers: Deque<WaitingWriter>? = state.withLock { state in
      state.budget.sent(bytes) && !state.writers.isEmpty ? state.writers.takeAll() : nil
    }
    if let writers { for writer in writers { writer.continuation.resume() } }
  }

  /// The way out is there: does what has waited for it.
  func attach(_ transport: any CallTransport<Operation>) {
    state.withLock { $0.transport = transport }
    performAll()
    wakeReader()
  }
}

// MARK: - Writing

extension CallStreams {
  /// Writes an operation that is `bytes` long, once there is room.
  ///
  /// - Throws: the reason, when nothing can be written any more; `cancellation`. Then nothing is
  ///   written.
  nonisolated(nonsending) func write(_ operation: Operation, bytes: Int) async throws {
    while try !writeNow(operation, bytes: bytes) {
      let id = state.withLock { state in
        state.nextWriter += 1
        return state.nextWriter
      }
      try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { park(writer: id, $0) }
      } onCancel: {
        unpark(writer: id)?.resume(throwing: cancellation)
      }
    }
  }

  /// Writes a message without looking for room. Does nothing when writing has ended.
  func submit(_ operation: Operation) {
    state.withLock { state in
      guard state.writeEnd == nil else { return }
      state.budget.writtenCount += 1
      state.enqueue(operation)
    }
    performAll()
  }

  /// Ends writing by up to two last operations; false, and nothing done, when it has ended before.
  ///
  /// - Parameters:
  ///   - withHead: whether the head goes before them when it has not gone yet.
  ///   - reason: what later writes throw.
  ///   - stopsReading: drops what comes from now on, and what is not read.
  @discardableResult
  func finishWriting(
    _ first: Operation?, _ last: Operation?, withHead: Bool, reason: any Error,
    stopsReading: Bool = false
  ) -> Bool {
    var head: Operation?
    var writers: Deque<WaitingWriter> = []
    var delivery: Delivery?
    let admission = state.withLock { state in
      guard state.writeEnd == nil else { return Admission<Operation>.refused }
      state.writeEnd = reason
      if !withHead { state.head = nil }
      if stopsReading { state.inbound.abort(reason) }
      if !state.writers.isEmpty { writers = state.writers.takeAll() }
      delivery = state.deliver()
      if let transport = state.beginPerforming() {
        head = state.head.take()
        return .now(transport)
      }
      if let first { state.enqueue(first) }
      if let last { state.enqueue(last) }
      return .queued
    }
    switch admission {
    case .refused: return false
    case .now(let transport):
      if let head { transport.perform(head) }
      if let first { transport.perform(first) }
      if let last { transport.perform(last) }
      performAll(isMine: true)
    case .queued: performAll()
    }
    delivery?.carryOut()
    for writer in writers { writer.continuation.resume(throwing: reason) }
    return true
  }

  /// Ends writing and reading by the whole answer, where nothing was written and nothing is in its way;
  /// false, and nothing done, elsewhere.
  ///
  /// - Parameter reason: what later reads and writes throw.
  func answer(
    _ message: OutboundMessage, _ trailers: ResponseTrailers, reason: any Error
  ) -> Bool where Operation == ServerOperation {
    var delivery: Delivery?
    let way: (head: ResponseHead, transport: any CallTransport<Operation>)? = state.withLock {
      state in
      guard state.writeEnd == nil, case .initialMetadata(let head)? = state.head,
        let transport = state.beginPerforming()
      else { return nil }
      state.head = nil
      state.writeEnd = reason
      state.inbound.abort(reason)
      delivery = state.deliver()
      return (head, transport)
    }
    guard let way else { return false }
    way.transport.perform(.answer(way.head, message, trailers))
    performAll(isMine: true)
    delivery?.carryOut()
    return true
  }

  /// Ends both directions at once. What was not performed yet is dropped; `last` is performed
  /// also when writing had ended.
  func abort(_ error: any Error, last: Operation?) {
    let writers = state.withLock { state in
      state.writeEnd = error
      state.outbox.removeAll()
      state.head = nil
      if let last { state.outbox.append(last) }
      state.inbound.abort(error)
      return state.writers.takeAll()
    }
    performAll()
    wakeReader()
    for writer in writers { writer.continuation.resume(throwing: error) }
  }

  /// Replaces the head, which goes when it must; false when it has gone before.
  func replaceHead(_ operation: Operation) -> Bool {
    state.withLock { state in
      guard state.head != nil else { return false }
      state.head = operation
      return true
    }
  }

  /// Replaces the head and performs it; false when it has gone before.
  func performHead(_ operation: Operation) -> Bool {
    let isFirst = state.withLock { state in
      guard state.head != nil else { return false }
      state.head = nil
      state.outbox.append(operation)
      return true
    }
    performAll()
    return isFirst
  }

  private func writeNow(_ operation: Operation, bytes: Int) throws -> Bool {
    let admission = try state.withLock { state in
      if let reason = state.writeEnd { throw reason }
      guard state.budget.hasRoom else { return Admission<Operation>.refused }
      state.budget.written(bytes)
      if state.head == nil, let transport = state.beginPerforming() { return .now(transport) }
      state.enqueue(operation)
      return .queued
    }
    switch admission {
    case .now(let transport):
      transport.perform(operation)
      performAll(isMine: true)
      return true
    case .queued:
      performAll()
      return true
    case .refused: return false
    }
  }

  private func park(writer id: Int, _ continuation: CheckedContinuation<Void, any Error>) {
    let mustTryAgain = state.withLock { state in
      if state.writeEnd != nil || state.budget.hasRoom { return true }
      state.writers.append(WaitingWriter(id: id, continuation: continuation))
      return false
    }
    if mustTryAgain {
      continuation.resume()
    } else if Task.isCancelled {
      unpark(writer: id)?.resume(throwing: cancellation)
    }
  }

  private func unpark(writer id: Int) -> CheckedContinuation<Void, any Error>? {
    state.withLock { state in
      guard let index = state.writers.firstIndex(where: { $0.id == id }) else { return nil }
      return state.writers.remove(at: index).continuation
    }
  }

  /// Performs what waits, in order; at once, or by whoever is at it already. `isMine`: the caller
  /// is the one who is at it.
  private func performAll(isMine: Bool = false) {
    var isMine = isMine
    while true {
      let step: (Deque<Operation>, any CallTransport<Operation>)? = state.withLock { state in
        guard let transport = state.transport, isMine || !state.isPerforming else { return nil }
        state.isPerforming = !state.outbox.isEmpty
        return state.isPerforming ? (state.outbox.takeAll(), transport) : nil
      }
      guard let (operations, transport) = step else { return }
      isMine = true
      for operation in operations { transport.perform(operation) }
    }
  }
}

/// What becomes of an operation that is to be written.
private enum Admission<Operation: Sendable>: Sendable {
  /// It is performed at once.
  case now(any CallTransport<Operation>)
  /// It waits for others, or for a transport.
  case queued
  /// It is not taken.
  case refused
}

extension Deque {
  fileprivate mutating func takeAll() -> Self {
    defer { self = [] }
    return self
  }
}
