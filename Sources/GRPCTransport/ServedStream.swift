import GRPC
import HTTP2
import NIOCore
import Synchronization

/// One stream of a served connection: its call, and the call's way out.
///
/// What a call asks for is done at once when it asks on the connection's loop; from elsewhere it goes
/// there.
///
/// SAFETY: `@unchecked`, since what can change is touched on the loop only; exclusivity is unchecked,
/// since no access to one of these values runs anybody else's code.
final class ServedStream: CallTransport, @unchecked Sendable {
  let link: HTTP2Link<ServedCalls>
  let stream: HTTP2Stream
  /// Gone when the stream is over, or was never a call's.
  @exclusivity(unchecked) var call: ServerCall?
  @exclusivity(unchecked) private var hasAnswered = false
  @exclusivity(unchecked) private var hasEnded = false
  /// The call was ended by something else than its handler, which may still run.
  @exclusivity(unchecked) private var isCutOff = false
  /// Bytes written that the call does not know to be sent.
  @exclusivity(unchecked) private var unreported = 0
  /// Bytes read that the session does not know to be consumed.
  @exclusivity(unchecked) private var unconsumed = 0
  @exclusivity(unchecked) private var requestsHaveEnded = false
  @exclusivity(unchecked) private var request = ProgressWatch()
  /// A handler has its call, and the call has this: when it is gone, the handler has ended.
  @exclusivity(unchecked) private var place: AbandonedHandlers.Place?
  /// Not the connection's: what others have handed over must not make a call on the loop wait, and
  /// its message with it, where nobody counts its bytes.
  private let pendingHops = Atomic<Int>(0)
  /// What its call takes of memory by being open, in bytes.
  @exclusivity(unchecked) var ownBytes = 0

  init(_ stream: HTTP2Stream, on link: HTTP2Link<ServedCalls>) {
    self.stream = stream
    self.link = link
  }

  /// Whether work may be done right here: on the loop, with nothing handed over before it.
  private var isHere: Bool {
    link.eventLoop.inEventLoop && pendingHops.load(ordering: .acquiring) == 0
  }

  /// Does work on the loop, after what was handed over before.
  private func hop(_ work: @escaping @Sendable () -> Void) {
    pendingHops.add(1, ordering: .acquiringAndReleasing)
    link.eventLoop.execute {
      self.pendingHops.subtract(1, ordering: .acquiringAndReleasing)
      work()
    }
  }

  func perform(_ operation: ServerOperation) {
    if isHere {
      performHere(operation)
    } else {
      hop { self.performHere(operation) }
    }
  }

  func consumed(_ bytes: Int) {
    if isHere {
      consumedHere(bytes)
    } else {
      hop { self.consumedHere(bytes) }
    }
  }

  private func consumedHere(_ bytes: Int) {
    unconsumed += bytes
    guard unconsumed >= (requestsHaveEnded ? Self.rest : 1) else { return }
    link.session.consume(unconsumed, on: stream)
    link.role.memory.mayHaveShrunk()
    unconsumed = 0
    link.scheduleFlush()
  }

  /// The last bytes of a client that sends no more are given back to the connection as the stream
  /// ends, unless they are so many that other streams would miss them.
  private static var rest: Int { 4 << 10 }

  // MARK: Answering

  private func performHere(_ operation: ServerOperation) {
    guard link.session.isOpen(stream) else { return }
    switch operation {
    case .answer(let head, let message, let trailers):
      begin(head)
      write(message)
      end(trailers)
    case .initialMetadata(let head): begin(head)
    case .message(let message): write(message)
    case .trailers(let trailers): end(trailers)
    case .abort(let trailers): cutOff(trailers)
    }
    link.scheduleFlush()
  }

  private func begin(_ head: ResponseHead) {
    hasAnswered = true
    if head.isPlain {
      respond(ServedHeaders.plainHead)
    } else {
      respond(HeaderBlock(head.fields), ends: false)
    }
  }

  private func write(_ message: OutboundMessage) {
    let hasRoom = link.write(message, on: stream)
    unreported += message.framedCount
    if hasRoom { reportSent() }
    link.role.messageSent(message.framedCount, on: link)
  }

  private func end(_ trailers: ResponseTrailers) {
    callEnded(trailers.code == .ok)
    if !hasAnswered {
      respond(HeaderBlock(trailers.fieldsOnly()), ends: true)
    } else if trailers.isPlain {
      link.session.finish(stream, trailers: ServedHeaders.plainTrailers)
    } else {
      link.session.finish(stream, trailers: HeaderBlock(trailers.fields))
    }
  }

  private func cutOff(_ trailers: ResponseTrailers) {
    isCutOff = true
    callEnded(trailers.code == .ok)
    if hasAnswered {
      link.session.cutOff(stream, trailers: HeaderBlock(trailers.fields))
    } else {
      respond(HeaderBlock(trailers.fieldsOnly()), ends: true)
    }
  }

  /// Says that nothing was done for the stream: its client may try again, or elsewhere.
  func turnAway() {
    link.session.reset(stream, .refusedStream)
    link.scheduleFlush()
  }

  /// Ends the call with an error, or its stream when the call has ended and its answer is not taken.
  func giveUp(_ error: RPCError) {
    link.role.memory.close(ownBytes)
    ownBytes = 0
    if call?.cutOff(error) == true { return }
    link.session.reset(stream, .enhanceYourCalm)
    link.scheduleFlush()
  }

  /// Whether the client does not get on with a message that the call waits for.
  func hasStalled(at now: NIODeadline, _ rules: ProgressRules, isHeldUp: Bool) -> Bool {
    request.hasStalled(isHeldUp ? nil : call?.awaited, at: now, rules)
  }

  /// What the stream keeps in memory, in bytes.
  var heldBytes: Int {
    ownBytes + (call?.heldBytes ?? 0) + link.session.queuedBytes(on: stream)
  }

  /// Answers a request that is no call.
  func refuse(_ error: RPCError, httpStatus: Int) {
    respond(HeaderBlock(ResponseTrailers(error).fieldsOnly(httpStatus: httpStatus)), ends: true)
    link.scheduleFlush()
  }

  private func respond(_ headers: StaticHeaders) {
    do {
      try link.session.respond(on: stream, headers)
    } catch {
      link.session.reset(stream, .internalError)
    }
  }

  private func respond(_ block: HeaderBlock, ends: Bool) {
    hasAnswered = true
    do {
      try link.session.respond(on: stream, block, ends: ends)
    } catch {
      link.session.reset(stream, .internalError)
    }
  }

  // MARK: Events

  /// The client has ended its side.
  func requestsEnded() {
    requestsHaveEnded = true
    call?.receiveEnd()
  }

  /// There is room to write.
  func reportSent() {
    guard unreported > 0 else { return }
    let sent = unreported
    unreported = 0
    call?.sent(sent)
  }

  /// Nothing follows on this stream: the call is lost, unless it has ended as it should.
  func closed() {
    guard let call else { return }
    self.call = nil
    if !hasEnded || isCutOff { place = link.role.abandoned.takePlace() }
    callEnded(false)
    call.reset()
  }

  private func callEnded(_ succeeded: Bool) {
    guard !hasEnded else { return }
    hasEnded = true
    link.role.callEnded(succeeded)
  }
}

/// The header blocks of most answers.
private enum ServedHeaders {
  static let plainHead = StaticHeaders(HeaderBlock(ResponseHead().fields))
  static let plainTrailers = StaticHeaders(HeaderBlock(ResponseTrailers().fields))
}
