import GRPC
import NIOCore
import NIOPosix

/// Makes calls to a service, over a connection to one of its servers or to all of them.
///
/// ```swift
/// let client = GRPCClient(.tcp(host: "greeter.example", port: 50051))
/// let greeter = GreeterClient(client)
/// let reply = try await greeter.greet(request, options: CallOptions(timeout: .seconds(2)))
/// await client.close()
/// ```
///
/// It connects with the first call (or `connect()`), and again with the first call after a connection
/// was lost. While no server can be reached, calls fail with UNAVAILABLE, unless they wait for one
/// (`CallOptions.waitsForReady`). Which address a call goes to is `ClientConfiguration.balancing`.
public final class GRPCClient: RPCChannel {
  /// The clock of deadlines.
  public let runtime: any CallRuntime
  /// Of each call.
  public let limits: CallLimits
  /// What its calls share for their retries.
  public let retries: ChannelRetries
  /// The servers: a name may stand for several addresses.
  public let endpoints: [SocketEndpoint]

  private let connector: ClientConnector
  private let inbox: CallInbox

  /// A client of one endpoint, that is not connected yet.
  public convenience init(
    _ endpoint: SocketEndpoint, configuration: ClientConfiguration = ClientConfiguration(),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    self.init([endpoint], configuration: configuration, group: group)
  }

  /// A client of several endpoints, the preferred ones first, that is not connected yet. All of its
  /// connections are on one event loop of the group.
  public init(
    _ endpoints: [SocketEndpoint], configuration: ClientConfiguration = ClientConfiguration(),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    let runtime = EventLoopRuntime(group.next())
    self.endpoints = endpoints
    self.runtime = runtime
    limits = configuration.calls
    retries = ChannelRetries(configuration.retries)
    connector = ClientConnector(endpoints, configuration, on: runtime)
    inbox = CallInbox(connector)
  }

  deinit {
    // Its loop may be gone by now.
    guard connector.board.connectivity != .shutdown else { return }
    connector.eventLoop.execute { [connector] in connector.close(within: .zero, nil) }
  }

  /// Carries a call, now or once there is a connection with room for it.
  public func start(_ call: ClientCall) {
    let connector = connector
    if connector.eventLoop.inEventLoop {
      connector.start(call)
    } else {
      inbox.put(call)
    }
  }

  /// The client's event loop: tasks that prefer it (`withTaskExecutorPreference`) make calls without
  /// changing threads, and must not block.
  public var executor: any TaskExecutor { connector.runtime }

  /// Where the client stands.
  public var connectivity: ConnectivityState { connector.board.connectivity }

  /// Where the client stands, and each state that follows, until it is closed. Who reads slowly may
  /// miss states, never the last one.
  public var connectivityStates: AsyncStream<ConnectivityState> { connector.board.states() }

  /// Connects ahead of the first call, and returns once a call would go out at once.
  ///
  /// - Throws: UNAVAILABLE, when no server can be reached or the client is closed; CANCELLED.
  public func connect() async throws(RPCError) {
    for await state in connectivityStates {
      switch state {
      case .ready: return
      case .transientFailure, .shutdown:
        throw connector.board.error ?? RPCError(.unavailable, "not connected")
      case .idle: connector.eventLoop.execute { [connector] in connector.exitIdle() }
      case .connecting: break
      }
    }
    throw RPCError(.cancelled, "the task was cancelled while it connected")
  }

  /// Lets calls under way finish, at most for `grace`, then fails the rest with UNAVAILABLE; calls
  /// from now on fail likewise. Returns once nothing is open. Harmless again.
  ///
  /// A client that nobody holds any more is closed without a grace.
  public func close(within grace: Duration = .zero) async {
    let connector = connector
    await withCheckedContinuation { continuation in
      connector.eventLoop.execute { connector.close(within: grace, continuation) }
    }
  }
}
