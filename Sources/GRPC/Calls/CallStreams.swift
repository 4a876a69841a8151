import DequeModule
import Synchronization

/// The two message directions of one call, between the transport's events and the task that reads
/// and writes. The same for both sides.
///
/// Reading and writing suspend only when there is nothing to read, or no room to write. The lock
/// guards a few words and is never held while a transport or a task is called; on the executor of a
/// connection it is never contended.
final class CallStreams<Operation: Sendable>: Sendable {
  private struct Writer {
    let id: Int
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State: ~Copyable {
    var inbound: InboundMessages
    var budget: OutboundBudget
    var reader: CheckedContinuation<[UInt8]?, any Error>?
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
  }

  private let state: Mutex<State>
  private let cancellation: any Error

  /// `cancellation` is thrown to a task that is cancelled while it waits here.
  init(
    limits: CallLimits, head: Operation?, transport: (any CallTransport<Operation>)?,
    cancellation: any Error
  ) {
    state = Mutex(
      State(
        inbound: InboundMessages(limit: limits.maximumInboundMessage),
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
  nonisolated(nonsending) func next() async throws -> [UInt8]? {
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

  /// How many messages wait to be read.
  var waitingCount: Int { state.withLock { $0.inbound.count } }

  private func readNow() -> InboundMessages.Next {
    let (next, consumed, transport) = state.withLock { state in
      let next = state.inbound.next()
      return (next, state.inbound.takeConsumed(), state.transport)
    }
    if consumed > 0 { transport?.consumed(consumed) }
    return next
  }

  private func park(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
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
    let (reader, next, consumed, transport) = state.withLock { state in
      var reader: CheckedContinuation<[UInt8]?, any Error>?
      var next = InboundMessages.Next.none
      if state.reader != nil {
        next = state.inbound.next()
        if case .none = next {} else { reader = state.reader.take() }
      }
      return (reader, next, state.inbound.takeConsumed(), state.transport)
    }
    if consumed > 0 { transport?.consumed(consumed) }
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
  /// Takes bytes of the peer. After it throws, the call must be aborted.
  func receive(_ bytes: RawSpan) throws(RPCError) {
    let refusal: RPCError? = bytes.withUnsafeBytes { buffer in
      state.withLock { state in
        do throws(RPCError) {
          try state.inbound.receive(buffer.bytes)
          return nil
        } catch {
          return error
        }
      }
    }
    wakeReader()
    if let refusal { throw refusal }
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

  /// Does an operation without looking for room. Does nothing when writing has ended.
  func submit(_ operation: Operation) {
    state.withLock { state in
      guard state.writeEnd == nil else { return }
      state.enqueue(operation)
    }
    performAll()
  }

  /// Ends writing by a last operation; false, and nothing done, when it has ended before.
  ///
  /// - Parameters:
  ///   - operations: the last ones.
  ///   - withHead: whether the head goes before them when it has not gone yet.
  ///   - reason: what later writes throw.
  @discardableResult
  func finishWriting(
    _ operations: [Operation], withHead: Bool, reason: any Error
  ) -> Bool {
    let writers: Deque<Writer>? = state.withLock { state -> Deque<Writer>? in
      guard state.writeEnd == nil else { return nil }
      state.writeEnd = reason
      if !withHead { state.head = nil }
      for operation in operations { state.enqueue(operation) }
      return state.writers.takeAll()
    }
    guard let writers else { return false }
    performAll()
    for writer in writers { writer.continuation.resume(throwing: reason) }
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

  /// Reads no further; what comes is dropped.
  func stopReading(_ error: any Error) {
    state.withLock { $0.inbound.abort(error) }
    wakeReader()
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
    let isWritten = try state.withLock { state in
      if let reason = state.writeEnd { throw reason }
      guard state.budget.hasRoom else { return false }
      state.budget.written(bytes)
      state.enqueue(operation)
      return true
    }
    if isWritten { performAll() }
    return isWritten
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

  /// Performs what waits, in order; at once, or by whoever is at it already.
  private func performAll() {
    var isMine = false
    while true {
      let step: (Operation, any CallTransport<Operation>)? = state.withLock { state in
        guard let transport = state.transport, isMine || !state.isPerforming else { return nil }
        guard let operation = state.outbox.popFirst() else {
          state.isPerforming = false
          return nil
        }
        state.isPerforming = true
        return (operation, transport)
      }
      guard let (operation, transport) = step else { return }
      isMine = true
      transport.perform(operation)
    }
  }
}

extension Deque {
  fileprivate mutating func takeAll() -> Self {
    defer { self = [] }
    return self
  }
}
