import GRPC
import HTTP2
import Logging
import NIOCore

/// The calls of one connection at the server: HTTP/2 events become a `ServerCall`'s, its operations
/// become submissions.
final class ServedCalls: ConnectionRole {
  static let side = HTTP2Session.Role.server

  /// What belongs to one stream; kept by the stream's slot.
  private struct Entry {
    var id: Int32 = 0
    /// Gone when the stream is not a call's: refused, or at its end.
    var call: ServerCall?
    var hasAnswered = false
    /// Bytes written that the call does not know to be sent.
    var unreported = 0
    /// Whether the call is among those that succeeded or failed.
    var isCounted = false
  }

  private let router: Router
  private let limits: CallLimits
  private let runtime: EventLoopRuntime
  private let registry: ServedConnections
  private let logger: Logger
  // Unchecked: on the loop only, and no access to them runs anybody else's code.
  @exclusivity(unchecked) private var heads: RequestHeadReader
  @exclusivity(unchecked) private var entries: [Entry] = []
  /// What the connection's calls have come to. To be read on its loop.
  @exclusivity(unchecked) private(set) var counters = CallCounters()

  init(
    _ router: Router, limits: CallLimits, on eventLoop: any EventLoop,
    registry: ServedConnections, logger: Logger
  ) {
    self.router = router
    self.limits = limits
    heads = RequestHeadReader(router: router, limits: limits)
    self.registry = registry
    self.logger = logger
    runtime = EventLoopRuntime.current(eventLoop)
  }

  // MARK: The connection

  func opened(_ link: HTTP2Link<ServedCalls>) -> Bool { registry.add(link) }

  func ended(_ link: HTTP2Link<ServedCalls>, _ reason: RPCError) {
    for entry in entries where entry.call != nil && !entry.isCounted { counters.failed += 1 }
    registry.remove(link)
    let calls = entries.compactMap(\.call)
    entries = []
    for call in calls { call.reset() }
  }

  func handle(_ event: HTTP2Event, input: ByteBuffer, on link: HTTP2Link<ServedCalls>) {
    switch event {
    case .headers(let stream, let block, _):
      // A second block is a client's trailers, which gRPC does not know.
      if entry(stream) == nil { begin(stream, block, link) }
    case .headersTooLarge(let stream):
      refuse(stream, Self.headersTooLarge, httpStatus: 431, link)
    case .data(let stream, let range):
      if let call = entry(stream)?.call {
        let messages = call.receive(input.readableBytesSpan.extracting(range))
        if messages > 0 {
          counters.messagesReceived += messages
          counters.lastReceived = runtime.now
        }
      } else {
        link.session.consume(range.count, on: stream)
      }
    case .end(let stream):
      entry(stream)?.call?.receiveEnd()
    case .writable(let stream):
      report(stream)
    case .closed(let stream, _):
      guard let call = entry(stream)?.call else { return }
      count(stream, succeeded: false)
      entries[stream.slot].call = nil
      // Does nothing when the call has ended as it should.
      call.reset()
    case .goAway, .settings, .pong:
      break
    }
  }

  // MARK: Calls

  private func entry(_ stream: HTTP2Stream) -> Entry? {
    guard entries.indices.contains(stream.slot), entries[stream.slot].id == stream.id else {
      return nil
    }
    return entries[stream.slot]
  }

  private func begin(_ stream: HTTP2Stream, _ block: HeaderBlock, _ link: HTTP2Link<ServedCalls>) {
    let head: RequestHead
    do {
      block.forEachField { heads.read(name: $0, value: $1) }
      head = try heads.finish()
    } catch {
      refuse(stream, error.error, httpStatus: error.httpStatus, link)
      return
    }
    let call = ServerCall(
      head: head, peer: link.peer, router: router, limits: limits,
      transport: ServerStream(link: link, stream: stream), runtime: runtime, logger: logger)
    put(Entry(id: stream.id, call: call), at: stream.slot)
    counters.started += 1
    counters.lastStarted = runtime.now
    call.begin()
  }

  private func put(_ entry: Entry, at slot: Int) {
    while entries.count <= slot { entries.append(Entry()) }
    entries[slot] = entry
  }

  private func refuse(
    _ stream: HTTP2Stream, _ error: RPCError, httpStatus: Int, _ link: HTTP2Link<ServedCalls>
  ) {
    put(Entry(id: stream.id, hasAnswered: true, isCounted: true), at: stream.slot)
    counters.started += 1
    counters.failed += 1
    let fields = ResponseTrailers(error).fieldsOnly(httpStatus: httpStatus)
    respond(on: stream, HeaderBlock(fields), ends: true, link)
  }

  /// Does what a call asks for.
  func perform(
    _ operation: ServerOperation, on stream: HTTP2Stream, _ link: HTTP2Link<ServedCalls>
  ) {
    guard entry(stream) != nil else { return }
    switch operation {
    case .initialMetadata(let head):
      entries[stream.slot].hasAnswered = true
      respond(on: stream, head, link)
    case .message(let message):
      let hasRoom = link.write(message, on: stream)
      entries[stream.slot].unreported += message.framedCount
      counters.messagesSent += 1
      counters.lastSent = runtime.now
      if hasRoom { report(stream) }
    case .trailers(let trailers):
      end(stream, trailers, cutsOff: false, link)
    case .abort(let trailers):
      end(stream, trailers, cutsOff: true, link)
    }
    link.scheduleFlush()
  }

  private func end(
    _ stream: HTTP2Stream, _ trailers: ResponseTrailers, cutsOff: Bool,
    _ link: HTTP2Link<ServedCalls>
  ) {
    count(stream, succeeded: trailers.code == .ok)
    if !entries[stream.slot].hasAnswered {
      entries[stream.slot].hasAnswered = true
      respond(on: stream, HeaderBlock(trailers.fieldsOnly()), ends: true, link)
    } else if cutsOff {
      link.session.cutOff(stream, trailers: HeaderBlock(trailers.fields))
    } else {
      let isPlain = trailers == Self.plainEnd
      link.session.finish(
        stream, trailers: isPlain ? Self.plainTrailers : HeaderBlock(trailers.fields))
    }
  }

  private func count(_ stream: HTTP2Stream, succeeded: Bool) {
    guard !entries[stream.slot].isCounted else { return }
    entries[stream.slot].isCounted = true
    if succeeded { counters.succeeded += 1 } else { counters.failed += 1 }
  }

  private func report(_ stream: HTTP2Stream) {
    guard let entry = entry(stream) else { return }
    entries[stream.slot].unreported = 0
    entry.call?.sent(entry.unreported)
  }

  // MARK: Header blocks

  /// More than the connection's bound of header bytes: they were not even kept.
  private static let headersTooLarge = RPCError(
    .resourceExhausted, "the request's headers are too large")
  private static let plainHead = ResponseHead()
  private static let plainEnd = ResponseTrailers()
  private static let plainHeaders = StaticHeaders(HeaderBlock(ResponseHead().fields))
  private static let plainTrailers = HeaderBlock(ResponseTrailers().fields)

  private func respond(
    on stream: HTTP2Stream, _ head: ResponseHead, _ link: HTTP2Link<ServedCalls>
  ) {
    guard head == Self.plainHead else {
      respond(on: stream, HeaderBlock(head.fields), ends: false, link)
      return
    }
    do {
      try link.session.respond(on: stream, Self.plainHeaders)
    } catch {
      link.session.reset(stream, .internalError)
    }
  }

  private func respond(
    on stream: HTTP2Stream, _ block: HeaderBlock, ends: Bool, _ link: HTTP2Link<ServedCalls>
  ) {
    do {
      try link.session.respond(on: stream, block, ends: ends)
    } catch {
      link.session.reset(stream, .internalError)
    }
    link.scheduleFlush()
  }
}

/// A server's call's way out: does at once what is asked on the connection's loop, else goes there.
struct ServerStream: CallTransport {
  let link: HTTP2Link<ServedCalls>
  let stream: HTTP2Stream

  func perform(_ operation: ServerOperation) {
    if link.isHere {
      link.role.perform(operation, on: stream, link)
    } else {
      link.hop { [stream] link in link.role.perform(operation, on: stream, link) }
    }
  }

  func consumed(_ bytes: Int) {
    if link.isHere {
      link.session.consume(bytes, on: stream)
      link.scheduleFlush()
    } else {
      link.hop { [stream] link in
        link.session.consume(bytes, on: stream)
        link.scheduleFlush()
      }
    }
  }
}
