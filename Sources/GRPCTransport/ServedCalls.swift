import GRPC
import HTTP2
import Logging
import NIOCore
import Synchronization

/// The calls of one connection at the server: HTTP/2 events become a `ServerCall`'s, its operations
/// become submissions.
final class ServedCalls: ConnectionRole {
  static let side = HTTP2Session.Role.server

  private let router: Router
  private let limits: CallLimits
  private let runtime: EventLoopRuntime
  let registry: ServedConnections
  private let logger: Logger
  // SAFETY: exclusivity is unchecked: they are touched on the loop only, and no access to them runs
  // anybody else's code.
  @exclusivity(unchecked) private var heads: RequestHeads
  /// By their slots.
  @exclusivity(unchecked) private(set) var streams: [ServedStream?] = []
  let bounds: ServedBounds
  @exclusivity(unchecked) var memory: HeldMemory
  let isAskedToKeepBounds = Atomic<Bool>(false)
  let abandoned: AbandonedHandlers
  @exclusivity(unchecked) private var counts = ServedCounts()

  init(
    _ router: Router, limits: CallLimits, on eventLoop: any EventLoop,
    registry: ServedConnections, bounds: ServedBounds, logger: Logger
  ) {
    self.router = router
    self.limits = limits
    heads = RequestHeads(RequestHeadReader(router: router, limits: limits))
    self.registry = registry
    self.bounds = bounds
    abandoned = AbandonedHandlers(
      limit: bounds.abandonedHandlers, ofServer: registry.abandonedHandlers)
    memory = HeldMemory(limit: bounds.memory)
    self.logger = logger
    runtime = EventLoopRuntime.current(eventLoop)
  }

  // MARK: The connection

  func opened(_ link: HTTP2Link<ServedCalls>) -> Bool { registry.add(link) }

  func ended(_ link: HTTP2Link<ServedCalls>, _ reason: RPCError) {
    let lost = streams
    streams = []
    for stream in lost { stream?.closed() }
    releaseMemory()
    registry.remove(link)
  }

  func handle(
    _ event: consuming HTTP2Event, input: RawSpan, on link: HTTP2Link<ServedCalls>
  ) {
    switch consume event {
    case .headers(let stream, let block, _):
      // A second block is a client's trailers, which gRPC does not know.
      if served(stream) == nil { begin(stream, block, link) }
    case .headersTooLarge(let stream):
      refuse(stream, Self.headersTooLarge, httpStatus: 431, link)
    case .data(let stream, let range):
      receive(range, of: input, on: stream, link)
    case .end(let stream): served(stream)?.requestsEnded()
    case .writable(let stream): served(stream)?.reportSent()
    case .closed(let stream, _):
      guard let served = served(stream) else { return }
      streams[stream.slot] = nil
      served.closed()
      memory.close(served.ownBytes)
    case .goAway, .settings, .ping, .pong: break
    }
  }

  private func served(_ stream: HTTP2Stream) -> ServedStream? {
    guard stream.slot < streams.count, let served = streams[stream.slot],
      served.stream.id == stream.id
    else { return nil }
    return served
  }

  // MARK: Calls

  private func begin(_ stream: HTTP2Stream, _ block: HeaderBlock, _ link: HTTP2Link<ServedCalls>) {
    guard hasRoom(link) else {
      add(stream, link).turnAway()
      counts.failed += 1
      return
    }
    let head: RequestHead
    do {
      head = try heads.read(block)
    } catch {
      refuse(stream, error.error, httpStatus: error.httpStatus, link)
      return
    }
    let served = add(stream, link)
    let call = ServerCall(
      head: consume head, peer: link.peer, router: router, limits: limits, transport: served,
      runtime: runtime, logger: logger, arrival: link.instant)
    served.call = call
    call.begin()
    begun(served, headBytes: block.byteCount)
  }

  private func receive(
    _ range: Range<Int>, of input: RawSpan, on stream: HTTP2Stream,
    _ link: HTTP2Link<ServedCalls>
  ) {
    guard let call = served(stream)?.call else {
      link.session.consume(range.count, on: stream)
      return
    }
    let messages = call.receive(input.extracting(range))
    move(range.count, link)
    guard messages > 0 else { return }
    counts.messagesReceived += messages
    counts.lastReceived = link.time
  }

  private func add(_ stream: HTTP2Stream, _ link: HTTP2Link<ServedCalls>) -> ServedStream {
    let served = ServedStream(stream, on: link)
    while streams.count <= stream.slot { streams.append(nil) }
    streams[stream.slot] = served
    counts.started += 1
    counts.lastStarted = link.time
    return served
  }

  private func refuse(
    _ stream: HTTP2Stream, _ error: RPCError, httpStatus: Int, _ link: HTTP2Link<ServedCalls>
  ) {
    add(stream, link).refuse(error, httpStatus: httpStatus)
    counts.failed += 1
  }

  /// More than the connection's bound of header bytes: they were not even kept.
  private static let headersTooLarge = RPCError(
    .resourceExhausted, "the request's headers are too large")

  // MARK: Counting

  /// What the connection's calls have come to. To be read on its loop.
  var counters: CallCounters { counts.counters }

  func messageSent(_ bytes: Int, on link: HTTP2Link<ServedCalls>) {
    counts.messagesSent += 1
    counts.lastSent = link.time
    move(bytes, link)
  }

  func callEnded(_ succeeded: Bool) {
    if succeeded { counts.succeeded += 1 } else { counts.failed += 1 }
  }
}

/// A connection's `CallCounters`, by the clock that its event loop reads anyway.
private struct ServedCounts {
  var started = 0
  var succeeded = 0
  var failed = 0
  var messagesSent = 0
  var messagesReceived = 0
  var lastStarted: NIODeadline?
  var lastSent: NIODeadline?
  var lastReceived: NIODeadline?

  var counters: CallCounters {
    var counters = CallCounters()
    counters.started = started
    counters.succeeded = succeeded
    counters.failed = failed
    counters.messagesSent = messagesSent
    counters.messagesReceived = messagesReceived
    counters.lastStarted = Self.instant(lastStarted)
    counters.lastSent = Self.instant(lastSent)
    counters.lastReceived = Self.instant(lastReceived)
    return counters
  }

  private static func instant(_ time: NIODeadline?) -> ContinuousClock.Instant? {
    guard let time else { return nil }
    return .now - .nanoseconds((NIODeadline.now() - time).nanoseconds)
  }
}
