/// The client's messages, one after another; for one reader at a time.
///
/// Reading is what lets the client send on: who doesn't read, holds at most a flow-control window.
public struct RequestStream<Message: WireMessage>: AsyncSequence, Sendable {
  /// The message type.
  public typealias Element = Message
  /// In practice what `AsyncIterator.next()` names.
  public typealias Failure = any Error

  let call: ServerCall

  /// Reads from where the last reader stopped.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(call: call)
  }

  /// Reads messages until the client has ended its side.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let call: ServerCall

    /// The next message; nil when the client has ended its side.
    ///
    /// - Throws: INTERNAL for a message that can't be decoded, CancellationError when the call is
    ///   over or the task is cancelled.
    public nonisolated(nonsending) mutating func next() async throws -> Message? {
      guard let bytes = try await call.nextMessage() else { return nil }
      return try Message(decoding: bytes, as: "request")
    }

    /// As `next()`, for a caller of any isolation.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Message? {
      guard let bytes = try await call.nextMessage() else { return nil }
      return try Message(decoding: bytes, as: "request")
    }
  }
}
