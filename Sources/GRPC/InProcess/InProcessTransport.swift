import Logging
import Synchronization

/// A server and its channel in one process, with the semantics of a connection and no sockets:
/// heads and trailers go through their wire form, messages through framing and limits, and what is
/// not read holds the writer back.
///
/// Deterministic when its runtime is.
public final class InProcessTransport: RPCChannel {
  private struct State {
    var isOpen = true
    var nextPipe = 0
    var pipes: [Int: InProcessPipe] = [:]
  }

  /// Of the handlers and of the callers' deadlines.
  public let runtime: any CallRuntime
  /// Of both sides.
  public let limits: CallLimits

  private let router: Router
  private let peer: String
  private let logger: Logger
  private let state = Mutex(State())

  /// Serves a router's methods to calls on this channel.
  ///
  /// - Parameters:
  ///   - router: the methods.
  ///   - limits: of both sides.
  ///   - peer: the client's address, as handlers see it.
  ///   - runtime: the executor and the clock of handlers and deadlines.
  ///   - logger: for what handlers throw and clients don't get to know.
  public init(
    serving router: Router, limits: CallLimits = CallLimits(), peer: String = "in-process",
    runtime: any CallRuntime = TaskRuntime(), logger: Logger = Logger(label: "grpc.in-process")
  ) {
    self.router = router.forOneServer()
    self.limits = limits
    self.peer = peer
    self.runtime = runtime
    self.logger = logger
  }

  /// Carries a call, unless the connection is cut.
  public func start(_ call: ClientCall) {
    let fields = call.head.fields(scheme: "http", authority: peer)
    let head: RequestHead
    do {
      head = try RequestHead(fields: fields, limits: limits)
    } catch {
      call.receive(ResponseTrailers(error.error))
      return
    }
    guard let (id, pipe) = open(call) else {
      call.fail(Self.unavailable)
      return
    }
    pipe.whenClosed { [weak self] in
      self?.state.withLock { $0.pipes[id] = nil }
    }
    let server = ServerCall(
      head: head, peer: CallPeer(address: peer), router: router, limits: limits,
      transport: ToClient(pipe: pipe, limits: limits),
      runtime: runtime, logger: logger)
    pipe.connect(server)
    server.begin()
    call.attach(ToServer(pipe: pipe))
  }

  /// Loses the connection: open calls fail with UNAVAILABLE at their clients, and are cancelled at
  /// the server; later calls fail likewise until `reconnect()`.
  public func disconnect() {
    let pipes = state.withLock { state in
      state.isOpen = false
      return state.pipes.sorted { $0.key < $1.key }.map(\.value)
    }
    for pipe in pipes {
      guard let (client, server) = pipe.close() else { continue }
      client.fail(Self.unavailable)
      server?.reset()
    }
  }

  /// Lets calls through again.
  public func reconnect() {
    state.withLock { $0.isOpen = true }
  }

  private static let unavailable = RPCError(.unavailable, "the connection is lost")

  private func open(_ call: ClientCall) -> (Int, InProcessPipe)? {
    let pipe = InProcessPipe(call)
    return state.withLock { state in
      guard state.isOpen else { return nil }
      state.nextPipe += 1
      state.pipes[state.nextPipe] = pipe
      return (state.nextPipe, pipe)
    }
  }
}
