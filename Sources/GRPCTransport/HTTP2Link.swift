import GRPC
import HTTP2
import NIOCore
import Synchronization

/// What a connection is for: a server's calls or a client's. Called on the connection's loop only.
protocol ConnectionRole: AnyObject, SendableMetatype {
  static var side: HTTP2Session.Role { get }

  /// The connection stands, but nothing has been heard yet. False: close it.
  func opened(_ link: HTTP2Link<Self>) -> Bool

  /// Something happened; a `.data` names a range of `input`.
  func handle(_ event: consuming HTTP2Event, input: RawSpan, on link: HTTP2Link<Self>)

  /// It is time to see whether what the peer has begun gets on.
  func look(at now: NIODeadline, _ rules: ProgressRules, on link: HTTP2Link<Self>)

  /// The connection is gone, with all its streams. Called once, also when it was never opened.
  func ended(_ link: HTTP2Link<Self>, _ reason: RPCError)
}

/// One connection's channel handler, which owns its `HTTP2Session`: there are no channels per stream.
///
/// Whatever is read in one burst is answered by one write: handlers run while the burst is worked
/// off, and what they answer is flushed at its end. Work outside of a burst schedules one flush.
///
/// SAFETY: everything but `eventLoop`, `role` and `pendingHops` is changed on the event loop only: by
/// the channel, and by work that other threads hand over with `hop`. Off it only `peer` is read, by who
/// found the link in the server's registry, which hears of it after `peer` is set.
final class HTTP2Link<Role: ConnectionRole>: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let eventLoop: any EventLoop
  let role: Role
  /// For channelz.
  let id = ChannelzRegistry.newID()
  /// The peer, as handlers see it.
  private(set) var peer: CallPeer
  /// Submit to it, then call `scheduleFlush`.
  ///
  /// SAFETY: exclusivity is unchecked, here and below: every access is one call, on the loop, that runs
  /// nobody else's code.
  @exclusivity(unchecked) var session: HTTP2Session

  @exclusivity(unchecked) private var life: ConnectionLife
  private let pendingHops = Atomic<Int>(0)
  private var context: ChannelHandlerContext?
  @exclusivity(unchecked) private var isReading = false
  /// How often something was written to the channel: what was submitted since the last time has not
  /// left.
  private(set) var writes = 0
  /// For channelz.
  private(set) var keepalivesSent = 0
  @exclusivity(unchecked) private var isFlushScheduled = false
  private var isClosing = false
  private var hasEnded = false
  @exclusivity(unchecked) private var lastRead = NIODeadline.now()
  /// The same by the calls' clock, once it was asked for.
  @exclusivity(unchecked) private var lastReadInstant: ContinuousClock.Instant?
  private var lastRenewal = NIODeadline.now()
  /// The one timer of the connection, and when it goes off.
  private var timer: (time: NIODeadline, Scheduled<Void>)?
  private var isChannelClosing = false
  /// What was last written in one turn, and so the room that the next output is made with.
  private var outputSize = HTTP2Link.portion / 16
  private var hasCalls = false
  /// Why the connection ends, once that is known.
  private var reason = RPCError(.unavailable, "the connection is lost")

  init(
    _ role: Role, limits: HTTP2Limits, rules: ConnectionRules, identity: PeerIdentity? = nil,
    on eventLoop: any EventLoop
  ) throws(HTTP2Error) {
    self.role = role
    peer = CallPeer(address: "unknown", identity: identity)
    life = ConnectionLife(rules, at: .now(), random: .random(in: -1...1))
    self.eventLoop = eventLoop
    session = try HTTP2Session(role: Role.side, limits: limits)
  }

  /// What it holds its peer, and itself, to.
  var rules: ConnectionRules { life.rules }

  /// The time, read once a burst; to be asked on the loop.
  var time: NIODeadline { isReading ? lastRead : .now() }

  /// As `time`, by the clock that calls go by.
  var instant: ContinuousClock.Instant {
    guard isReading else { return .now }
    if let lastReadInstant { return lastReadInstant }
    let now = ContinuousClock.now
    lastReadInstant = now
    return now
  }

  // MARK: Work from elsewhere

  /// Whether work may be done right here: on the loop, with nothing handed over before it.
  var isHere: Bool {
    eventLoop.inEventLoop && pendingHops.load(ordering: .acquiring) == 0
  }

  /// Does work on the loop, after what was handed over before.
  func hop(_ work: @escaping @Sendable (HTTP2Link<Role>) -> Void) {
    pendingHops.add(1, ordering: .acquiringAndReleasing)
    eventLoop.execute {
      self.pendingHops.subtract(1, ordering: .acquiringAndReleasing)
      work(self)
    }
  }

  /// Asks on the loop; answers also when the connection is gone.
  func ask<Answer: Sendable>(
    _ question: @escaping @Sendable (HTTP2Link<Role>) -> Answer
  ) async -> Answer {
    await withCheckedContinuation { continuation in
      hop { continuation.resume(returning: question($0)) }
    }
  }

  // MARK: The channel

  /// While the connection stands.
  var channel: (any Channel)? { context?.channel }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { start(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    end()
    self.context = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let text = TLSFailure.text(error, peerCertificate: nil) ?? "\(error)"
    reason = RPCError(.unavailable, "the connection failed: \(text)")
    context.close(promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing else { return }
    isReading = true
    let input = unwrapInboundIn(data)
    lastRead = .now()
    lastReadInstant = nil
    if life.heard(at: lastRead) { arm() }
    if lastRead - lastRenewal > .seconds(1) {
      session.renewAllowance()
      lastRenewal = lastRead
    }
    do {
      try session.receive(input.readableBytesSpan)
      deliver(input.readableBytesSpan)
    } catch {
      fail(error)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    flush()
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { scheduleFlush() }
    context.fireChannelWritabilityChanged()
  }

  // MARK: Life

  private func start(_ context: ChannelHandlerContext) {
    peer = CallPeer(address: PeerName.of(context.channel), identity: peer.identity)
    guard role.opened(self) else {
      context.close(promise: nil)
      return
    }
    arm()
    flush()
  }

  private func end() {
    guard !hasEnded else { return }
    hasEnded = true
    isClosing = true
    timer?.1.cancel()
    timer = nil
    role.ended(self, reason)
  }

  /// Sees to it that the timer goes off when something is due. One that is too early is left: it
  /// finds nothing due, and is set again.
  private func arm() {
    guard !hasEnded, let next = life.next else { return }
    if let timer {
      guard next < timer.time else { return }
      timer.1.cancel()
    }
    // Not weak, which would make each later use of the link dearer: its end cancels the timer.
    timer = (next, eventLoop.scheduleTask(deadline: next) { self.timeHasCome() })
  }

  private func timeHasCome() {
    timer = nil
    let now = NIODeadline.now()
    while let action = life.due(at: now) { perform(action) }
    arm()
  }

  private func perform(_ action: ConnectionLife.Action?) {
    guard !isClosing else { return }
    switch action {
    case .ping:
      keepalivesSent += 1
      session.ping(Self.keepaliveMark)
      flush()
    case .announceShutdown:
      session.announceShutdown()
      session.ping(Self.drainMark)
      scheduleFlush()
    case .refuseNewStreams:
      session.refuseNewStreams()
      scheduleFlush()
    case .look: look(at: .now())
    case .close(let reason): close(reason)
    case nil: break
    }
  }

  private func look(at now: NIODeadline) {
    if let progress = rules.progress { role.look(at: now, progress, on: self) }
    perform(
      life.looked(atFrame: session.frameUnderWay, whileCalls: session.openStreams > 0, at: now))
  }

  private func close(_ reason: ConnectionLife.Reason) {
    switch reason {
    case .noPreface:
      close(RPCError(.unavailable, "the peer did not begin an HTTP/2 connection in time"))
    case .noAnswer:
      close(RPCError(.unavailable, "the connection is dead: a keepalive PING was not answered"))
    case .graceIsOver:
      close(RPCError(.unavailable, "the connection was too old, and its time to finish is over"))
    case .stalledFrame:
      close(RPCError(.unavailable, "the peer did not end a frame in time"), code: .enhanceYourCalm)
    case .tooManyPings:
      self.reason = RPCError(.unavailable, "the peer pings too often")
      session.goAway(.enhanceYourCalm, "too_many_pings")
      isClosing = true
      scheduleFlush()
    }
  }

  /// Takes note when calls begin or end, and frames do not, where that is of interest.
  private func noteCalls() {
    if life.asksWhatBegins, session.openStreams > 0 || session.frameUnderWay != nil {
      life.begins(at: lastRead)
      arm()
    }
    guard rules.watchesCalls else { return }
    let areOpen = session.openStreams > 0
    guard areOpen != hasCalls else { return }
    hasCalls = areOpen
    life.carries(areOpen, at: .now())
    arm()
  }

  private func deliver(_ input: RawSpan) {
    while let event = session.nextEvent() {
      switch event {
      case .settings:
        life.begun()
        arm()
      case .pong(Self.drainMark): perform(life.shutdownWasHeard())
      case .ping: perform(life.pinged(whileCalls: session.openStreams > 0, at: .now()))
      default: break
      }
      role.handle(event, input: input, on: self)
    }
  }

  private func fail(_ error: HTTP2Error) {
    reason = RPCError(.unavailable, "the connection broke the protocol: \(error.reason)")
    isClosing = true
    isReading = false
    flush()
  }

  /// The number of the PING whose answer says that the peer has heard of the shutdown.
  private static var drainMark: UInt64 { 0x6472_6169_6e00_0001 }
  private static var keepaliveMark: UInt64 { 0x616c_6976_6500_0001 }

  /// Lets the open streams finish and takes no new ones, then closes (RFC 9113 §6.8: two GOAWAYs, so
  /// that no request on its way is lost).
  func drain() {
    guard !isClosing else { return }
    perform(life.shutDown(at: .now()))
    arm()
  }

  /// Opens no more streams, and closes once those open are over; a client's `drain`.
  func leave() {
    guard !isClosing else { return }
    session.refuseNewStreams()
    scheduleFlush()
  }

  /// Ends the connection: the peer is told, streams that are open are lost.
  func close(_ reason: RPCError, code: HTTP2ErrorCode = .noError) {
    guard !isClosing else { return }
    self.reason = reason
    session.terminate(code)
    isClosing = true
    flush()
  }

  // MARK: Sending

  /// Sends what was submitted: at the end of the burst, or soon.
  func scheduleFlush() {
    life.answered()
    guard !isReading, !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.execute {
      self.isFlushScheduled = false
      // A burst that began meanwhile flushes at its own end.
      if !self.isReading { self.flush() }
    }
  }

  private func flush() {
    guard let context, context.channel.isActive else { return }
    var written = 0
    var more = true
    while more, context.channel.isWritable {
      let room = min(max(outputSize, written), Self.portion)
      var output = context.channel.allocator.buffer(capacity: room)
      var rest = ByteBuffer()
      do {
        more = try frame(into: &output, &rest)
      } catch {
        reason = RPCError(.unavailable, "the connection failed: \(error.reason)")
        isClosing = true
        more = false
      }
      if output.readableBytes + rest.readableBytes > 0 {
        written += output.readableBytes + rest.readableBytes
        context.write(wrapOutboundOut(output), promise: nil)
        if rest.readableBytes > 0 { context.write(wrapOutboundOut(rest), promise: nil) }
        writes &+= 1
      }
      // Sending ends streams and makes room.
      deliver(RawSpan())
    }
    if written > 0 {
      outputSize = min(max(written, Self.portion / 256), Self.portion)
      context.flush()
    }
    noteCalls()
    if isClosing || session.isFinished { closeChannel(context) }
  }

  /// Frames what was submitted until the output is full; the frame that finds no room is the rest.
  /// Answers whether more may wait.
  private func frame(
    into output: inout ByteBuffer, _ rest: inout ByteBuffer
  ) throws(HTTP2Error) -> Bool {
    // The room is asked for once, since each access to a buffer costs more than most frames' copies.
    var result = Result<Bool, HTTP2Error>.success(false)
    output.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { room in
      var used = 0
      result = Result { () throws(HTTP2Error) in
        try session.transmit(atMost: room.count) { frame in
          frame.withUnsafeBytes { frame in
            if frame.count <= room.count - used {
              UnsafeMutableRawBufferPointer(rebasing: room[used...]).copyMemory(from: frame)
              used += frame.count
            } else {
              rest.writeBytes(frame)
            }
          }
        }
      }
      return used
    }
    return try result.get()
  }

  /// Bytes framed and written at once.
  private static var portion: Int { 64 << 10 }

  /// Closes once what is written has left, or after a while.
  private func closeChannel(_ context: ChannelHandlerContext) {
    guard !isChannelClosing else { return }
    isChannelClosing = true
    isClosing = true
    let channel = context.channel
    let linger = eventLoop.scheduleTask(in: rules.linger) {
      channel.close(promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
      linger.cancel()
      channel.close(promise: nil)
    }
  }
}

/// Addresses in the form of gRPC's naming document: `ipv4:127.0.0.1:1234`, `ipv6:[::1]:1234`, `unix:`.
enum PeerName {
  static func of(_ channel: any Channel) -> String {
    switch channel.remoteAddress {
    case .v4(let address)?: "ipv4:\(address.host):\(channel.remoteAddress?.port ?? 0)"
    case .v6(let address)?: "ipv6:[\(address.host)]:\(channel.remoteAddress?.port ?? 0)"
    case .unixDomainSocket?: "unix:\(channel.remoteAddress?.pathname ?? "")"
    case nil: "unknown"
    }
  }
}
