import GRPC
import HTTP2
import NIOCore

/// Who hears of a client's connection; called on its loop.
protocol ConnectionObserver: AnyObject {
  /// It stands, but the server has not said anything yet. False: nobody wants it any more.
  func connectionOpened(_ link: HTTP2Link<CarriedCalls>) -> Bool
  /// The server's settings have come: calls can be carried.
  func connectionIsReady(_ link: HTTP2Link<CarriedCalls>)
  /// There may be room for one more stream.
  func connectionHasRoom(_ link: HTTP2Link<CarriedCalls>)
  /// The server wants fewer pings, and ends the connection.
  func connectionPingsTooMuch(_ link: HTTP2Link<CarriedCalls>)
  /// No new streams; those open go on.
  func connectionIsLeaving(_ link: HTTP2Link<CarriedCalls>)
  /// It is gone.
  func connectionEnded(_ link: HTTP2Link<CarriedCalls>, _ reason: RPCError)
}

/// The calls of one connection at the client: HTTP/2 events become a `ClientCall`'s, its operations
/// become submissions.
final class CarriedCalls: ConnectionRole {
  static let side = HTTP2Session.Role.client

  /// What belongs to one stream; kept by the stream's slot.
  private struct Entry {
    var id: Int32 = 0
    /// Gone when the call has had its last event.
    var call: ClientCall?
    var hasHead = false
    /// `HTTP2Link.writes` when its head was submitted.
    var opened = 0
    /// Bytes written that the call does not know to be sent.
    var unreported = 0
  }

  private let limits: CallLimits
  private let scheme: String
  private let authority: String
  private weak var observer: (any ConnectionObserver)?
  // SAFETY: exclusivity is unchecked: every access is short, on the loop, and runs nobody else's code.
  @exclusivity(unchecked) private var reader: ResponseReader
  @exclusivity(unchecked) private var entries: [Entry] = []
  /// The head of the call that is carried; for its storage, which serves again.
  @exclusivity(unchecked) private var head = HeaderBlock()
  private var isReady = false
  private var hasEnded = false
  /// What the connection's calls have come to. To be read on its loop.
  @exclusivity(unchecked) private(set) var counters = CallCounters()

  init(limits: CallLimits, scheme: String, authority: String, observer: any ConnectionObserver) {
    self.limits = limits
    self.scheme = scheme
    self.authority = authority
    reader = ResponseReader(limits: limits)
    self.observer = observer
  }

  // MARK: The connection

  /// A call's own deadline is the bound for its answer.
  func look(at now: NIODeadline, _ rules: ProgressRules, on link: HTTP2Link<CarriedCalls>) {}

  func opened(_ link: HTTP2Link<CarriedCalls>) -> Bool {
    observer?.connectionOpened(link) ?? false
  }

  func ended(_ link: HTTP2Link<CarriedCalls>, _ reason: RPCError) {
    let lost = entries
    counters.failed += lost.count { $0.call != nil }
    entries = []
    hasEnded = true
    // Before the calls, so that those made again go elsewhere.
    observer?.connectionEnded(link, reason)
    for entry in lost {
      entry.call?.fail(reason, link.writes == entry.opened ? .unsent : .processed)
    }
  }

  func handle(_ event: HTTP2Event, input: RawSpan, on link: HTTP2Link<CarriedCalls>) {
    switch event {
    case .headers(let stream, let block, let ends):
      receive(block, on: stream, ends: ends, link)
    case .headersTooLarge(let stream):
      last(stream)?.fail(
        RPCError(.resourceExhausted, "the response's headers are too large"), .answered)
      link.session.reset(stream, .cancel)
    case .data(let stream, let range):
      if let call = entry(stream)?.call {
        counters.messagesReceived += call.receive(input.extracting(range))
      } else {
        link.session.consume(range.count, on: stream)
      }
    case .end(let stream):
      // Trailers are a call's last event, so that a call that is still here had none.
      guard entry(stream)?.call != nil else { break }
      end(stream, ResponseTrailers(fields: [], isTrailersOnly: false, limits: limits))
    case .writable(let stream):
      report(stream)
    case .closed(let stream, let code):
      let opened = entry(stream)?.opened
      last(stream)?.fail(Self.error(code), Self.progress(code, isSent: opened != link.writes))
      observer?.connectionHasRoom(link)
    case .goAway(_, let code):
      if code == .enhanceYourCalm { observer?.connectionPingsTooMuch(link) }
      observer?.connectionIsLeaving(link)
    case .settings:
      if !isReady {
        isReady = true
        observer?.connectionIsReady(link)
      }
      observer?.connectionHasRoom(link)
    case .ping, .pong: break
    }
  }

  /// The library itself closes streams so that a GOAWAY is too late for (RFC 9113 §6.8).
  private static func progress(_ code: HTTP2ErrorCode, isSent: Bool) -> AttemptProgress {
    guard code == .refusedStream else { return .processed }
    return isSent ? .refused : .unsent
  }

  private static func error(_ code: HTTP2ErrorCode) -> RPCError {
    RPCError(
      StatusCode(http2ErrorCode: code.rawValue),
      "the server reset the call's stream with the HTTP/2 code \(code.rawValue)")
  }

  // MARK: Calls

  /// Sends a call's head, and lets the call write. False: the connection takes no more calls.
  func carry(_ call: ClientCall, on link: HTTP2Link<CarriedCalls>) -> Bool {
    guard !hasEnded else { return false }
    head.removeAll(keeping: Self.keptHead)
    call.head.forEachField(scheme: scheme, authority: authority) { name, value in
      // The time that is left is another for each call: only the field's name is worth remembering.
      let isIndexed = name != "grpc-timeout" || counters.started == 0
      head.append(name: name.utf8.span, value: value.utf8.span, isIndexed: isIndexed)
    }
    guard let stream = try? link.session.open(head) else { return false }
    while entries.count <= stream.slot { entries.append(Entry()) }
    entries[stream.slot] = Entry(id: stream.id, call: call, opened: link.writes)
    counters.started += 1
    counters.lastStarted = .now
    call.attach(ClientStream(link: link, stream: stream))
    link.scheduleFlush()
    return true
  }

  /// Storage for heads up to this size stays with the connection, in bytes.
  private static let keptHead = 4 << 10

  private func entry(_ stream: HTTP2Stream) -> Entry? {
    guard entries.indices.contains(stream.slot), entries[stream.slot].id == stream.id else {
      return nil
    }
    return entries[stream.slot]
  }

  /// The stream's call, for its last event.
  private func last(_ stream: HTTP2Stream, succeeded: Bool = false) -> ClientCall? {
    guard let call = entry(stream)?.call else { return nil }
    entries[stream.slot].call = nil
    if succeeded { counters.succeeded += 1 } else { counters.failed += 1 }
    return call
  }

  private func end(_ stream: HTTP2Stream, _ trailers: ResponseTrailers) {
    last(stream, succeeded: trailers.code == .ok)?.receive(trailers)
  }

  private func receive(
    _ block: HeaderBlock, on stream: HTTP2Stream, ends: Bool, _ link: HTTP2Link<CarriedCalls>
  ) {
    guard let entry = entry(stream), let call = entry.call else { return }
    block.forEachField { reader.read(name: $0, value: $1) }
    if ends {
      end(stream, reader.finishTrailers(isTrailersOnly: !entry.hasHead))
      return
    }
    if reader.dropInformational() { return }
    do {
      call.receive(try reader.finishHead())
      entries[stream.slot].hasHead = true
    } catch {
      last(stream)?.fail(error, .answered)
      link.session.reset(stream, .cancel)
    }
  }

  /// Does what a call asks for.
  func perform(
    _ operation: ClientOperation, on stream: HTTP2Stream, _ link: HTTP2Link<CarriedCalls>
  ) {
    guard entry(stream) != nil else { return }
    switch operation {
    case .message(let message):
      let hasRoom = link.write(message, on: stream)
      entries[stream.slot].unreported += message.framedCount
      counters.messagesSent += 1
      if hasRoom { report(stream) }
    case .end:
      link.session.finish(stream)
    case .cancel:
      _ = last(stream)
      link.session.reset(stream, .cancel)
    }
    link.scheduleFlush()
  }

  private func report(_ stream: HTTP2Stream) {
    guard let entry = entry(stream) else { return }
    entries[stream.slot].unreported = 0
    entry.call?.sent(entry.unreported)
  }
}

/// A client's call's way out: does at once what is asked on the connection's loop, else goes there.
final class ClientStream: CallTransport {
  private let link: HTTP2Link<CarriedCalls>
  private let stream: HTTP2Stream

  init(link: HTTP2Link<CarriedCalls>, stream: HTTP2Stream) {
    self.link = link
    self.stream = stream
  }

  func perform(_ operation: ClientOperation) {
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
