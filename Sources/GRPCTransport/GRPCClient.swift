import GRPC
import HTTP2
import NIOCore
import NIOPosix

/// The bounds and habits of a client.
public struct ClientConfiguration: Sendable {
  /// Of each call.
  public var calls = CallLimits()
  /// Of the connection.
  public var connection = HTTP2Limits()
  /// Between attempts to connect.
  public var backoff = ConnectionBackoff()
  /// Calls that may wait for a connection, or for a stream of it; more fail with RESOURCE_EXHAUSTED.
  public var maximumWaitingCalls = 10_000

  /// gRPC's usual values.
  public init() {}
}

/// Makes calls to one server, in plaintext, all on one connection.
///
/// ```swift
/// let client = GRPCClient(.unix(path: "/run/greeter.sock"))
/// let greeter = GreeterClient(client)
/// let reply = try await greeter.greet(request, options: CallOptions(timeout: .seconds(2)))
/// await client.close()
/// ```
///
/// It connects with the first call, and again with the first call after a connection was lost. While
/// the server can't be reached, calls fail with UNAVAILABLE, unless they wait for it
/// (`CallOptions.waitsForReady`). It lets go of its connection with `close` only.
public final class GRPCClient: RPCChannel {
  /// The clock of deadlines.
  public let runtime: any CallRuntime
  /// Of each call.
  public let limits: CallLimits
  /// The server.
  public let endpoint: SocketEndpoint

  private let connector: ClientConnector

  /// A client that is not connected yet.
  public init(
    _ endpoint: SocketEndpoint, configuration: ClientConfiguration = ClientConfiguration(),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    let eventLoop = group.next()
    self.endpoint = endpoint
    limits = configuration.calls
    runtime = EventLoopRuntime(eventLoop)
    connector = ClientConnector(endpoint, configuration, on: eventLoop)
  }

  /// Carries a call, now or once there is a connection with room for it.
  public func start(_ call: ClientCall) {
    let connector = connector
    if connector.eventLoop.inEventLoop {
      connector.start(call)
    } else {
      connector.eventLoop.execute { connector.start(call) }
    }
  }

  /// Lets calls under way finish, at most for `grace`, then fails the rest with UNAVAILABLE; calls
  /// from now on fail likewise. Returns once nothing is open. Harmless again.
  public func close(within grace: Duration = .zero) async {
    let connector = connector
    await withCheckedContinuation { continuation in
      connector.eventLoop.execute { connector.close(within: grace, continuation) }
    }
  }
}
