import DequeModule
import Synchronization

/// The two message directions of one call, between the transport's events and the task that reads
/// and writes. The same for both sides.
///
/// Reading and writing suspend only when there is nothing to read, or no room to write. The lock
/// guards a few words and is never held while a transport or a task is called; on the executor of a
/// connection it is never contended.
final class CallStreams<Operation: Sendable>: Sendable {
  private struct State: ~Copyable {
    var inbound: InboundMessages
    var budget: OutboundBudget
    var reader: CheckedContinuation<InboundMessage?, any Error>?
    var writers: Deque<Writer> = []
    var nextWriter = 0
    /// Why nothing can be written any more.
    var writeEnd: (any Error)?
    /// Goes before the first operation.
    var head: Operation?
    var outbox: Deque<Operation> = []
    var transport: (any CallTransport<Operation>)?
    /// Somebody is at the outbox, so that operations stay in order.
    var isPerforming = false

    mutating func enqueue(_ operation: Operation) {
      if let head = head.take() { outbox.append(head) }
      outbox.append(operation)
    }

    mutating func deliver() -> Delivery<Operation> {
      var delivery = Delivery<Operation>()
      if reader != nil {
        delivery.next = inbound.next()
        if case .none = delivery.next {} else { delivery.reader = reader.take() }
      }
      delivery.consumed = inbound.takeConsumed()
      if delivery.consumed > 0 { delivery.transport = transport }
      return delivery
    }

    /// The transport, when nothing is in the way and the caller may perform at once; it then calls
    /// `performAll(isMine: true)`.
    mutating func beginPerforming() -> (any CallTransport<Operation>)? {
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
      reader?.resume(throwing: cancellation)
    }
  }

  /// Messages that were read, and written, but for a last one that goes with the end.
  var counts: (received: Int, sent: Int) {
    state.withLock { ($0.inbound.readCount, $0.budget.writtenCount) }
  }

  /// How many messages wait to be read.
  var waitingCount: Int { state.withLock { $0.inbound.count } }

  private func readNow() -> InboundMessages.Next {
    let (next, consumed, transport) = state.withLock { state in
      let next = state.inbound.next()
      let consumed = state.inbound.takeConsumed()
      return (next, consumed, consumed > 0 ? state.transport : nil)
    }
    transport?.consumed(consumed)
    return next
  }

  private func park(_ continuation: CheckedContinuation<InboundMessage?, any Error>) {
    let isSecond = state.withLock { state in
      if state.reader != nil { return true }
      state.reader = continuation
      return false
    }
    if isSecond {
      continuation.resume(throwing: RPCError(.internal, "a call's messages have two readers"))
    } else if Task.isCancelled {
      let reader = state.withLock { $0.reader.take() }
      reader?.resume(throwing: cancellation)
    } else {
      // What came between the look and the parking.
      wakeReader()
    }
  }

  /// Hands the reader that waits, if any, what there is, and tells the transport what is consumed.
  private func wakeReader() {
    state.withLock { $0.deliver() }.carryOut()
  }
}

/// A task that waits for room to write.
private struct Writer: Sendable {
  let id: Int
  let continuation: CheckedContinuation<Void, any Error>
}

/// What is to be done at the end of writing once the lock is free.
private struct Ending<Operation: Sendable>: Sendable {
  let writers: Deque<Writer>
  let delivery: Delivery<Operation>
  /// Set when the last operations can be performed at once.
  var transport: (any CallTransport<Operation>)?
  var head: Operation?
}

/// What is to be done for a reader once the lock is free.
private struct Delivery<Operation: Sendable>: Sendable {
  var reader: CheckedContinuation<InboundMessage?, any Error>?
  var next = InboundMessages.Next.none
  var consumed = 0
  var transport: (any CallTransport<Operation>)?

  func carryOut() {
    transport?.consumed(consumed)
    switch next {
    case .message(let message): reader?.resume(returning: message)
    case .end(nil): reader?.resume(returning: nil)
    case .end(let error?): reader?.resume(throwing: error)
    case .aborted(let error): reader?.resume(throwing: error)
    case .none: break
    }
  }
}

// MARK: - Events from the transport

extension CallStreams {
  private typealias Received = Result<(completed: Int, waiting: Int), RPCError>

  /// Takes bytes of the peer; answers how many messages they complete, and how many wait then. After
  /// it throws, the call must be aborted.
  @discardableResult
  func receive(_ bytes: RawSpan) throws(RPCError) -> (completed: Int, waiting: Int) {
    let (result, delivery) = bytes.withUnsafeBytes { buffer in
      state.withLock { state in
        do throws(RPCError) {
          let completed = try state.inbound.receive(buffer.bytes)
          let delivery = state.deliver()
          return (Received.success((completed, state.inbound.count)), delivery)
        } catch {
          return (Received.failure(error), state.deliver())
        }
      }
    }
    delivery.carryOut()
    return try result.get()
  }

  /// The encoding of the peer's compressed messages from now on.
  func setInboundEncoding(_ encoding: MessageEncoding) {
    state.withLock { $0.inbound.encoding = encoding }
  }

  /// The peer sends no more messages; with an error, it is thrown once the others are read. Answers
  /// the error that ends the reading: also that a message is cut short.
  @discardableResult
  func finishReceiving(_ error: RPCError?) -> RPCError? {
    let final = state.withLock { $0.inbound.finish(error) }
    wakeReader()
    return final
  }

  /// So many written bytes have left.
  func sent(_ bytes: Int) {
    let writers = state.withLock { state in
      state.budget.sent(bytes) ? state.writers.takeAll() : []
    }
    for writer in writers { writer.continuation.resume() }
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
    let ending: Ending<Operation>? = state.withLock { state in
      guard state.writeEnd == nil else { return nil }
      state.writeEnd = reason
      if !withHead { state.head = nil }
      if stopsReading { state.inbound.abort(reason) }
      var ending = Ending(writers: state.writers.takeAll(), delivery: state.deliver())
      ending.transport = state.beginPerforming()
      if ending.transport != nil {
        ending.head = state.head.take()
      } else {
        if let first { state.enqueue(first) }
        if let last { state.enqueue(last) }
      }
      return ending
    }
    guard let ending else { return false }
    if let transport = ending.transport {
      if let head = ending.head { transport.perform(head) }
      if let first { transport.perform(first) }
      if let last { transport.perform(last) }
    }
    performAll(isMine: ending.transport != nil)
    ending.delivery.carryOut()
    for writer in ending.writers { writer.continuation.resume(throwing: reason) }
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
      guard state.budget.hasRoom else { return Admission<Operation>.noRoom }
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
    case .noRoom: return false
    }
  }

  private func park(writer id: Int, _ continuation: CheckedContinuation<Void, any Error>) {
    let mustTryAgain = state.withLock { state in
      if state.writeEnd != nil || state.budget.hasRoom { return true }
      state.writers.append(Writer(id: id, continuation: continuation))
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
  case noRoom
}

extension Deque {
  fileprivate mutating func takeAll() -> Self {
    defer { self = [] }
    return self
  }
}
