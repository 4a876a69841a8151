import DequeModule
import Synchronization

/// The two message directions of one call at the server, between the transport's events and the task that
/// reads and writes.
///
/// Reading and writing suspend only when there is nothing to read, or no room to write. The lock
/// guards a few words and is never held while a transport or a task is called; on the executor of a
/// connection it is never contended.
struct CallStreams: ~Copyable, Sendable {
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
    var head: ResponseHead?
    var outbox: Deque<ServerOperation> = []
    /// Somebody is at the outbox, so that operations stay in order.
    var isPerforming = false

    fileprivate mutating func enqueue(_ operation: ServerOperation) {
      if let head = head.take() { outbox.append(.initialMetadata(head)) }
      outbox.append(operation)
    }

    /// What there is for a reader that waits. Call it before `takeConsumed()`.
    fileprivate mutating func deliver() -> Delivery? {
      guard reader != nil else { return nil }
      let next = inbound.next()
      if case .none = next { return nil }
      return reader.take().map { Delivery(reader: $0, next: next) }
    }

    /// Whether nothing is in the way and the caller may perform at once; it then calls
    /// `performAll(isMine: true)`.
    fileprivate mutating func beginPerforming() -> Bool {
      guard !isPerforming, outbox.isEmpty else { return false }
      isPerforming = true
      return true
    }
  }

  private let state: Mutex<State>
  private let transport: any CallTransport<ServerOperation>
  private let cancellation: any Error

  /// `cancellation` is thrown to a task that is cancelled while it waits here; `encoding` is that
  /// of the peer's compressed messages.
  init(
    limits: CallLimits, encoding: MessageEncoding = .identity, head: ResponseHead,
    transport: any CallTransport<ServerOperation>, cancellation: any Error
  ) {
    state = Mutex(
      State(
        inbound: InboundMessages(limit: limits.maximumInboundMessage, encoding: encoding),
        budget: OutboundBudget(limits), head: head))
    self.transport = transport
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
    let (next, consumed) = state.withLock { ($0.inbound.next(), $0.inbound.takeConsumed()) }
    tell(consumed)
    return next
  }

  /// Says to the transport what is consumed.
  private func tell(_ consumed: Int) {
    if consumed > 0 { transport.consumed(consumed) }
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
    let (delivery, consumed) = state.withLock { ($0.deliver(), $0.inbound.takeConsumed()) }
    tell(consumed)
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
        return (delivery, state.inbound.takeConsumed())
      }
    }
    tell(consumed)
    delivery?.carryOut()
    if let fault { throw fault }
    return (completed, waiting)
  }

  /// The peer sends no more messages. Answers the error that ends the reading when one is cut short, and
  /// how many messages wait.
  func finishReceiving() -> (final: RPCError?, waiting: Int) {
    var final: RPCError?
    var waiting = 0
    let (delivery, consumed) = state.withLock { state in
      final = state.inbound.finish(nil)
      let delivery = state.deliver()
      waiting = state.inbound.count
      return (delivery, state.inbound.takeConsumed())
    }
    tell(consumed)
    delivery?.carryOut()
    return (final, waiting)
  }

  /// So many written bytes have left.
  func sent(_ bytes: Int) {
    let writers: Deque<WaitingWriter>? = state.withLock { state in
      state.budget.sent(bytes) && !state.writers.isEmpty ? state.writers.takeAll() : nil
    }
    if let writers { for writer in writers { writer.continuation.resume() } }
  }
}

// MARK: - Writing

extension CallStreams {
  /// Writes a message once there is room.
  ///
  /// - Throws: the reason, when nothing can be written any more; `cancellation`. Then nothing is
  ///   written.
  nonisolated(nonsending) func write(_ message: OutboundMessage) async throws {
    while try !writeNow(message) {
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

  /// Ends writing and reading by the last message, if there is one, and the trailers; does nothing when
  /// writing has ended before.
  ///
  /// - Parameters:
  ///   - withHead: whether the head goes before them when it has not gone yet.
  ///   - reason: what later reads and writes throw.
  func finish(
    _ message: OutboundMessage?, _ trailers: ResponseTrailers, withHead: Bool, reason: any Error
  ) {
    var head: ResponseHead?
    var writers: Deque<WaitingWriter> = []
    var delivery: Delivery?
    let admission = state.withLock { state in
      guard state.writeEnd == nil else { return Admission.refused }
      state.writeEnd = reason
      if !withHead { state.head = nil }
      state.inbound.abort(reason)
      if !state.writers.isEmpty { writers = state.writers.takeAll() }
      delivery = state.deliver()
      if state.beginPerforming() {
        head = state.head.take()
        return .now
      }
      if let message { state.enqueue(.message(message)) }
      state.enqueue(.trailers(trailers))
      return .queued
    }
    switch admission {
    case .refused: return
    case .now:
      if let head, let message {
        transport.perform(.answer(head, message, trailers))
      } else {
        if let head { transport.perform(.initialMetadata(head)) }
        if let message { transport.perform(.message(message)) }
        transport.perform(.trailers(trailers))
      }
      performAll(isMine: true)
    case .queued: performAll()
    }
    delivery?.carryOut()
    for writer in writers { writer.continuation.resume(throwing: reason) }
  }

  /// Ends both directions at once. What was not performed yet is dropped; `last` is performed
  /// also when writing had ended.
  func abort(_ error: any Error, last: ServerOperation?) {
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
  func replaceHead(_ head: ResponseHead) -> Bool {
    state.withLock { state in
      guard state.head != nil else { return false }
      state.head = head
      return true
    }
  }

  /// Replaces the head and performs it; false when it has gone before.
  func performHead(_ head: ResponseHead) -> Bool {
    let isFirst = state.withLock { state in
      guard state.head != nil else { return false }
      state.head = nil
      state.outbox.append(.initialMetadata(head))
      return true
    }
    performAll()
    return isFirst
  }

  private func writeNow(_ message: OutboundMessage) throws -> Bool {
    let admission = try state.withLock { state in
      if let reason = state.writeEnd { throw reason }
      guard state.budget.hasRoom else { return Admission.refused }
      state.budget.written(message.framedCount)
      if state.head == nil, state.beginPerforming() { return .now }
      state.enqueue(.message(message))
      return .queued
    }
    switch admission {
    case .now:
      transport.perform(.message(message))
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
      let operations: Deque<ServerOperation>? = state.withLock { state in
        guard isMine || !state.isPerforming else { return nil }
        state.isPerforming = !state.outbox.isEmpty
        return state.isPerforming ? state.outbox.takeAll() : nil
      }
      guard let operations else { return }
      isMine = true
      for operation in operations { transport.perform(operation) }
    }
  }
}

/// What becomes of an operation that is to be written.
private enum Admission {
  /// It is performed at once.
  case now
  /// It waits for others.
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
