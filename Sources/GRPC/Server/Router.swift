/// The methods that a server answers, and how.
public struct Router: Sendable {
  /// How responses are compressed, to clients that can read it, unless their handler says otherwise
  /// (`ServerContext.setResponseEncoding(_:)`). At first `identity`: not at all.
  public var responseEncoding = MessageEncoding.identity

  private var table = RouteTable()
  private var files: [String: ProtoFile] = [:]
  private var interceptors: [any ServerInterceptor] = []
  /// Of calls to methods that are not there; nil: there are no interceptors.
  private var unknownMethods: ServerInterceptorChain?
  private var beginnings: [Beginning] = []
  private var endings: [@Sendable () -> Void] = []

  /// Answers a request, or a stream of them, with one response. It starts on the executor of its
  /// call, without a hop.
  public typealias UnaryHandler<Request, Response> =
    nonisolated(nonsending) @Sendable (Request, ServerContext) async throws -> Response

  /// Answers a request, or a stream of them, with a stream of responses. It starts on the executor
  /// of its call, without a hop.
  public typealias StreamingHandler<Request, Response: WireMessage> =
    nonisolated(nonsending) @Sendable (
      Request, ResponseWriter<Response>, ServerContext
    ) async throws -> Void

  /// Begins what one server has of its own; answers with what is done when that server begins to shut
  /// down.
  public typealias Beginning = @Sendable (inout Router) -> @Sendable () -> Void

  /// Answers nothing yet.
  public init() {}

  /// Answers a unary method; a later handler for the same path takes the place of an earlier one.
  // Inlinable, since a handler that knows its types and what it calls costs each call less.
  @inlinable
  public mutating func unary<Q: WireMessage, A: WireMessage>(
    _ method: MethodDescriptor,
    _ handler: @escaping UnaryHandler<Q, A>
  ) {
    add(method, .unary) { call in
      let request = try Q(decoding: call.onlyRequest(), as: "request")
      return try await handler(request, call.context).encoded(as: "response")
    }
  }

  /// Answers a client-streaming method.
  public mutating func clientStreaming<Q: WireMessage, A: WireMessage>(
    _ method: MethodDescriptor,
    _ handler: @escaping UnaryHandler<RequestStream<Q>, A>
  ) {
    add(method, .clientStreaming) { call in
      try await handler(RequestStream(call: call), call.context).encoded(as: "response")
    }
  }

  /// Answers a server-streaming method.
  public mutating func serverStreaming<Q: WireMessage, A: WireMessage>(
    _ method: MethodDescriptor,
    _ handler: @escaping StreamingHandler<Q, A>
  ) {
    add(method, .serverStreaming) { call in
      let request = try Q(decoding: call.onlyRequest(), as: "request")
      try await handler(request, ResponseWriter(call: call), call.context)
      return nil
    }
  }

  /// Answers a method where both sides are streams.
  public mutating func bidirectionalStreaming<Q: WireMessage, A: WireMessage>(
    _ method: MethodDescriptor,
    _ handler: @escaping StreamingHandler<RequestStream<Q>, A>
  ) {
    add(method, .bidirectionalStreaming) { call in
      try await handler(RequestStream(call: call), ResponseWriter(call: call), call.context)
      return nil
    }
  }

  /// Answers all methods of a service.
  public mutating func add(_ service: any RPCService) {
    service.register(in: &self)
  }

  /// Adds what each server with these methods has of its own, such as the streams that it ends when it
  /// goes: several servers may be started with one router.
  ///
  /// - Parameter begin: called as a server starts, with a router that is that server's alone; handlers
  ///   that it adds take the places of those for the same methods. What it returns is called when that
  ///   server begins to shut down, before calls under way are waited for. Neither may block.
  public mutating func forEachServer(_ begin: @escaping Beginning) {
    beginnings.append(begin)
  }

  /// The router of one server, which a transport asks for as it starts to serve.
  public func forOneServer() -> Router {
    var own = self
    own.beginnings = []
    for begin in beginnings {
      let ending = begin(&own)
      own.endings.append(ending)
    }
    return own
  }

  /// For a server that begins to shut down, or could not start, of its own router (`forOneServer()`);
  /// once.
  public func beginShutdown() {
    for ending in endings { ending() }
  }

  /// The methods answered, in the order of their paths.
  public var methods: [MethodDescriptor] {
    table.routes.map(\.method).sorted { $0.path < $1.path }
  }

  /// Says which proto file declares a service, by its full name, so that reflection can tell of it.
  public mutating func describe(_ service: String, by file: ProtoFile) {
    files[service] = file
  }

  /// The full names of the services that have methods or were described, in order.
  public var services: [String] {
    Set(files.keys).union(table.routes.map(\.method.service)).sorted()
  }

  /// The proto file that declares a service; nil where nobody has said.
  public func file(of service: String) -> ProtoFile? {
    files[service]
  }

  /// Puts interceptors around all calls, within those that were there before: of methods that are
  /// added before or after, and of methods that are not there.
  public mutating func intercept(with interceptors: any ServerInterceptor...) {
    self.interceptors += interceptors
    let all = self.interceptors
    unknownMethods = ServerInterceptorChain(all, for: nil)
    table.replaceEach { $0.within(all) }
  }

  func route(path: Span<UInt8>) -> Route? {
    table.find(path)
  }

  /// For interceptors, a call of a method that is not there; nil when there are none. Its requests are
  /// not waited for.
  func unknownRoute(path: String) -> Route? {
    unknownMethods.map { interceptors in
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      let method = MethodDescriptor(
        service: parts.dropFirst().dropLast().joined(separator: "/"),
        method: parts.last.map(String.init) ?? "", kind: .bidirectionalStreaming)
      return Route(method, within: interceptors) { _ in throw RPCError.noSuchMethod }
    }
  }

  /// Reads the requests, runs the handler, writes all responses but a single one, which it returns.
  @usableFromInline
  typealias CallHandler = nonisolated(nonsending) @Sendable (ServerCall) async throws -> [UInt8]?

  @usableFromInline
  mutating func add(
    _ method: MethodDescriptor, _ kind: MethodKind, _ handler: @escaping CallHandler
  ) {
    precondition(method.kind == kind, "\(method.path) is \(method.kind), its handler \(kind)")
    table.add(Route(method, handler: handler).within(interceptors))
  }
}

/// A service's implementation: generated server protocols refine it.
public protocol RPCService: Sendable {
  /// Adds a handler for each of its methods.
  func register(in router: inout Router)
}
