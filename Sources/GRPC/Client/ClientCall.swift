import Synchronization

/// One call at its client: the caller reads and writes here, and a transport carries it, now or
/// once it is connected.
///
/// ```
/// waiting ──attach──▶ carried ──trailers──▶ ended (status of the server)
///    └──fail · cancel · deadline──┴────────▶ ended (status of our own; the stream is reset)
/// ```
///
/// What is written while it waits is kept, up to the high-water mark.
public final class ClientCall: Sendable {
  private struct Life {
    var initialMetadata: Metadata?
    var trailers: ResponseTrailers?
    var hasFinishedRequests = false
    var timer: (any ScheduledAction)?
  }

  /// The method that is called.
  public let method: MethodDescriptor
  /// How it is called.
  public let options: CallOptions
  /// When the caller stops waiting; nil: never.
  public let deadline: ContinuousClock.Instant?

  private let limits: CallLimits
  private let runtime: any CallRuntime
  private let streams: CallStreams<ClientOperation>
  private let life = Mutex(Life())
  private let lastWasCompressed = Atomic<Bool>(false)

  init(
    method: MethodDescriptor, options: CallOptions, limits: CallLimits, runtime: any CallRuntime
  ) {
    self.method = method
    self.options = options
    self.limits = limits
    self.runtime = runtime
    deadline = options.timeout.flatMap { timeout in
      timeout < CallRuntimeLimits.longestDelay
        ? runtime.now.advanced(by: max(timeout, .zero)) : nil
    }
    streams = CallStreams(
      limits: limits, head: nil, transport: nil, cancellation: RPCError.cancelled)
  }

  /// Starts the deadline and hands the call to its channel.
  func begin(on channel: any RPCChannel) {
    if let deadline {
      let left = runtime.now.duration(to: deadline)
      guard left > .zero else {
        fail(.deadlineExceeded)
        return
      }
      let timer = runtime.schedule(after: left) { [weak self] in self?.fail(.deadlineExceeded) }
      life.withLock { $0.timer = timer }
    }
    channel.start(self)
  }
}

// MARK: - Events from the transport

extension ClientCall {
  /// What to send at the stream's start, with the time that is left now.
  public var head: RequestHead {
    let left = deadline.map { max(runtime.now.duration(to: $0), .nanoseconds(1)) }
    return RequestHead(
      path: method.path, timeout: left, metadata: options.metadata,
      encoding: options.requestEncoding, acceptedEncodings: .supported)
  }

  /// Whether the call has a status. A channel need not carry such a call.
  public var isEnded: Bool { life.withLock { $0.trailers != nil } }

  /// There is a stream for the call, and its head is sent: what was written meanwhile goes out now.
  public func attach(_ transport: any CallTransport<ClientOperation>) {
    streams.attach(transport)
  }

  /// The server's header block.
  public func receive(_ head: ResponseHead) {
    if head.encoding != .identity { streams.setInboundEncoding(head.encoding) }
    life.withLock { life in
      if life.initialMetadata == nil { life.initialMetadata = head.metadata }
    }
  }

  /// Bytes of the server's messages, cut anywhere.
  public func receive(_ bytes: RawSpan) {
    do {
      try streams.receive(bytes)
    } catch {
      fail(error)
    }
  }

  /// Bytes of the server's messages, cut anywhere.
  public func receive(_ bytes: [UInt8]) {
    receive(bytes.span.bytes)
  }

  /// The server has ended the call; its last event.
  public func receive(_ trailers: ResponseTrailers) {
    guard let hadFinishedRequests = end(trailers) else { return }
    streams.finishReceiving(trailers.error)
    let reason = trailers.error ?? Self.endedByServer
    streams.finishWriting(
      nil, hadFinishedRequests ? nil : .cancel, withHead: false, reason: reason)
  }

  /// The call can't go on: its stream was reset (`StatusCode(http2ErrorCode:)`), the connection is
  /// lost or was never made, or the server broke the protocol. What was not read is dropped.
  public func fail(_ error: RPCError) {
    guard end(ResponseTrailers(error)) != nil else { return }
    streams.abort(error, last: .cancel)
  }

  /// So many bytes of written messages (`OutboundMessage.framedCount`) have left.
  public func sent(_ bytes: Int) {
    streams.sent(bytes)
  }
}

// MARK: - For the caller

extension ClientCall {
  /// Whether the message read last was compressed.
  var readCompressed: Bool { lastWasCompressed.load(ordering: .relaxed) }
  var initialMetadata: Metadata? { life.withLock(\.initialMetadata) }
  var trailingMetadata: Metadata? { life.withLock { $0.trailers?.metadata } }

  /// What writing throws once the server has ended the call with OK.
  static let endedByServer = RPCError(.cancelled, "the server has ended the call")

  /// Gives the call up. Does nothing when it has ended.
  func cancel() {
    fail(.cancelled)
  }

  nonisolated(nonsending) func nextMessage() async throws -> [UInt8]? {
    guard let message = try await streams.next() else { return nil }
    lastWasCompressed.store(message.encoding != .identity, ordering: .relaxed)
    do {
      return try message.decompressed(limit: limits.maximumInboundMessage)
    } catch {
      fail(error)
      throw error
    }
  }

  nonisolated(nonsending) func write(_ bytes: [UInt8], compresses: Bool) async throws {
    let message = try limits.outbound(bytes, in: compresses ? options.requestEncoding : .identity)
    try await streams.write(.message(message), bytes: message.framedCount)
  }

  /// Sends a single request, which needs no room, and ends the requests.
  func sendOnly(_ bytes: [UInt8]) throws {
    try streams.submit(.message(limits.outbound(bytes, in: options.requestEncoding)))
    finishRequests()
  }

  func finishRequests() {
    let isFirst = life.withLock { life in
      defer { life.hasFinishedRequests = true }
      return !life.hasFinishedRequests
    }
    guard isFirst else { return }
    streams.finishWriting(
      nil, .end, withHead: false,
      reason: RPCError(.internal, "written after the end of the requests"))
  }

  /// The single response, once the call has ended with OK.
  nonisolated(nonsending) func onlyResponse() async throws -> [UInt8] {
    guard let response = try await nextMessage() else { throw Self.wrongCount }
    guard try await streams.next() == nil else { throw Self.wrongCount }
    return response
  }

  /// gRPC "Status codes": "Response cardinality violation".
  private static let wrongCount = RPCError(
    .unimplemented, "the server must answer with exactly one message")

  /// Sets the status, once; answers whether the requests were finished, or nil when it was set.
  private func end(_ trailers: ResponseTrailers) -> Bool? {
    let (hadFinished, timer): (Bool?, (any ScheduledAction)?) = life.withLock { life in
      guard life.trailers == nil else { return (nil, nil) }
      life.trailers = trailers
      return (life.hasFinishedRequests, life.timer.take())
    }
    timer?.cancel()
    return hadFinished
  }
}
