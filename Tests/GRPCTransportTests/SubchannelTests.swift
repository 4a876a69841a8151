import GRPC
import HTTP2
import NIOCore
import NIOPosix
import Testing

@testable import GRPCTransport

@Suite("The way to one address", .timeLimit(.minutes(1)))
struct SubchannelTests {
  private let backoff = ConnectionBackoff()
  private let start = ContinuousClock.now

  @Test("An attempt may take 20 s, or its backoff if that is longer")
  func attempts() {
    var state = SubchannelState(backoff)
    var longest = Duration.zero
    for failures in 0..<12 {
      guard let time = state.connect(at: start) else {
        Issue.record("no attempt after \(failures) failures")
        return
      }
      #expect(time == max(.seconds(20), backoff.delay(afterFailures: failures, random: 0)))
      longest = max(longest, time)
      #expect(state.connect(at: start) == nil)
      _ = state.failed(at: start, random: 0)
      #expect(state.connect(at: start) == nil)
      #expect(state.backoffIsOver() == true)
    }
    #expect(longest > .seconds(100))
  }

  @Test(
    "A backoff counts from the start of its attempt, and a connection that stood begins it anew")
  func delays() {
    var state = SubchannelState(backoff)
    _ = state.connect(at: start)
    #expect(state.failed(at: start + .milliseconds(300), random: 0) == .milliseconds(700))
    #expect(state.connectivity == .transientFailure)
    #expect([state.backoffIsOver(), state.backoffIsOver()] == [true, false])
    _ = state.connect(at: start)
    #expect(state.failed(at: start + .seconds(60), random: 0) == .zero)
    #expect(state.backoffIsOver() == true)
    _ = state.connect(at: start)
    #expect([state.established(), state.established()] == [true, false])
    #expect([state.lost(), state.lost()] == [true, false])
    #expect(state.connectivity == .idle)
    _ = state.connect(at: start)
    #expect(state.failed(at: start, random: 0) == .seconds(1))
  }

  @Test("After its shutdown nothing is tried")
  func shutDown() {
    var state = SubchannelState(backoff)
    _ = state.connect(at: start)
    state.shutDown()
    #expect(state.connect(at: start) == nil)
    #expect(state.failed(at: start, random: 0) == nil)
    #expect([state.established(), state.lost(), state.backoffIsOver()] == [false, false, false])
    #expect(state.connectivity == .shutdown)
  }

  @Test("A server's health is what it said last; one that cannot be asked serves")
  func health() {
    var health = HealthState(backoff)
    #expect(health.connectivity == .connecting)
    #expect(health.ended(RPCError(.unavailable), random: 0) == .seconds(1))
    #expect(health.connectivity == .transientFailure)
    #expect(health.ended(nil, random: 0).map { $0 > .seconds(1) } == true)
    health.reported(isServing: true)
    #expect(health.connectivity == .ready)
    #expect(health.ended(nil, random: 0) == .seconds(1))
    health.reported(isServing: false)
    #expect(health.connectivity == .transientFailure)
    #expect(health.ended(RPCError(.unimplemented), random: 0) == nil)
    #expect(health.connectivity == .ready)
  }

  @Test("Each GOAWAY that says too_many_pings doubles the time between pings, no other does")
  func tooManyPings() async throws {
    let codes: [UInt8] = [11, 11, 0, 11]
    let accepted = Counter()
    let make = { @Sendable in
      defer { accepted.add(1) }
      return Dismisser(accepted.value < codes.count ? codes[accepted.value] : nil)
    }
    try await ScriptedServer.serve(by: make) { client in
      let endpoint = client.endpoints[0]
      let runtime = EventLoopRuntime(MultiThreadedEventLoopGroup.singleton.next())
      let times = try await runtime.eventLoop.flatSubmit {
        Owner(of: endpoint, on: runtime, connections: codes.count + 1).finished
      }.get()
      #expect(times == [10, 20, 40, 40, 80].map(TimeAmount.seconds))
    }
  }
}

/// Connects again whenever its connection is lost, and notes the time between pings of each.
private final class Owner: SubchannelOwner, @unchecked Sendable {
  // SAFETY: `@unchecked`, since all state is touched on the event loop only.
  private var times: [TimeAmount?] = []
  private var subchannel: Subchannel?
  private let connections: Int
  private let promise: EventLoopPromise<[TimeAmount?]>

  var finished: EventLoopFuture<[TimeAmount?]> {
    // A subchannel does not hold its owner.
    promise.futureResult.always { _ in withExtendedLifetime(self) {} }
  }

  init(of endpoint: SocketEndpoint, on runtime: EventLoopRuntime, connections: Int) {
    self.connections = connections
    promise = runtime.eventLoop.makePromise()
    var configuration = ClientConfiguration()
    configuration.keepalive = ClientKeepalive(time: .seconds(10))
    let address = ResolvedAddress(endpoint: endpoint, authority: "localhost", serverName: nil)
    let subchannel = Subchannel(id: 1, address, configuration, nil, on: runtime, owner: self)
    self.subchannel = subchannel
    subchannel.connect()
  }

  func subchannelChanged(_ subchannel: Subchannel) {
    if subchannel.connectivity == .idle { subchannel.connect() }
  }

  func connectionOpened(_ link: Subchannel.Link, of subchannel: Subchannel) {
    times.append(link.rules.keepaliveTime)
    guard times.count == connections else { return }
    subchannel.shutDown()
    link.close(RPCError(.unavailable, "the test is over"))
    self.subchannel = nil
    promise.succeed(times)
  }

  func subchannelHasRoom(_ subchannel: Subchannel) {}
  func connectionEnded(_ link: Subchannel.Link) {}
}

/// Greets each connection with SETTINGS, and with a GOAWAY of the next code while there is one.
private final class Dismisser: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let code: UInt8?

  init(_ code: UInt8?) { self.code = code }

  func channelActive(context: ChannelHandlerContext) {
    var greeting = RawFrames.frame(4, flags: 0, stream: 0, [])
    if let code {
      let reason = Array("too_many_pings".utf8)
      greeting += RawFrames.frame(7, flags: 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, code] + reason)
    }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: greeting)), promise: nil)
  }
}
