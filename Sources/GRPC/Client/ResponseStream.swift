/// The server's messages, one after another; for one reader at a time.
///
/// Reading is what lets the server send on.
public struct ResponseStream<Message: WireMessage>: AsyncSequence, Sendable {
  /// The message type.
  public typealias Element = Message
  /// In practice what `AsyncIterator.next()` names.
  public typealias Failure = any Error

  let call: ClientCall

  /// The server's initial metadata; nil until they have come. They have when the first message is
  /// read.
  public var initialMetadata: Metadata? { call.initialMetadata }

  /// The server's trailing metadata; nil until the call is at its end.
  public var trailingMetadata: Metadata? { call.trailingMetadata }

  /// Whether the message read last was compressed on its way; for gRPC's interop tests.
  package var lastResponseWasCompressed: Bool { call.readCompressed }

  /// Reads from where the last reader stopped.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(call: call)
  }

  /// Reads messages until the call is at its end.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let call: ClientCall

    /// The next message; nil when the call has ended with OK.
    ///
    /// - Throws: an `RPCError`: the call's status when it is not OK, after the last message that
    ///   came before it; INTERNAL for a message that can't be decoded; CANCELLED.
    public nonisolated(nonsending) mutating func next() async throws -> Message? {
      guard let bytes = try await call.nextMessage() else { return nil }
      return try Message(decoding: bytes, as: "response")
    }

    /// As `next()`, for a caller of any isolation.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Message? {
      guard let bytes = try await call.nextMessage() else { return nil }
      return try Message(decoding: bytes, as: "response")
    }
  }
}
