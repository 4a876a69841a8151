import Synchronization

// MARK: - Reading

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
