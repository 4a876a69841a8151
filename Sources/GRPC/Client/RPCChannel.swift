/// A client's way to a server; the in-process transport has one, and so has the one on sockets.
///
/// Callers use the generated clients, or the methods named after the four shapes.
public protocol RPCChannel: Sendable {
  /// Where deadlines of calls are measured, until a transport has a say.
  var runtime: any CallRuntime { get }
  /// What a call on this channel may cost.
  var limits: CallLimits { get }

  /// What its calls share for their retries; a channel of its own has its own.
  var retries: ChannelRetries { get }

  /// Takes a call to carry, from any thread. It returns at once: when there is a stream for the
  /// call, the channel sends `call.head` and then calls `call.attach(_:)`; when there will be none,
  /// `call.fail(_:)`. A call may end (`call.isEnded`) while it waits; the channel then forgets it.
  /// A call that failed may come again, for another attempt.
  func start(_ call: ClientCall)

  /// What stands around the channel's calls (`InterceptedChannel`); nil: nothing.
  var interceptors: ClientInterceptorChain? { get }
}

extension RPCChannel {
  /// Calls that no server has seen are made again, others are not.
  public var retries: ChannelRetries { .transparentOnly }

  /// None.
  public var interceptors: ClientInterceptorChain? { nil }

  /// Makes a call with one request and one response.
  ///
  /// - Throws: always an `RPCError`; CANCELLED when the task is cancelled.
  public nonisolated(nonsending) func unary<Q: WireMessage, A: WireMessage>(
    _ method: MethodDescriptor, _ request: Q, options: CallOptions = CallOptions()
  ) async throws -> A {
    try await withCall(method, options, only: request.encoded(as: "request")) { call in
      try await A(decoding: call.onlyResponse(), as: "response")
    }
  }

  /// Makes a call with a stream of requests and one response; `send` writes the requests, and its
  /// return ends them. When the server answers before that, the rest of the requests is not sent.
  ///
  /// - Throws: an `RPCError` of the call, or what `send` throws; the call is cancelled then.
  public nonisolated(nonsending) func clientStreaming<Q: WireMessage, A: WireMessage>(
    _ method: MethodDescriptor, options: CallOptions = CallOptions(),
    _ send: nonisolated(nonsending) (RequestWriter<Q>) async throws -> Void
  ) async throws -> A {
    try await withCall(method, options) { call in
      do {
        try await send(RequestWriter(call: call))
      } catch let error as RPCError where error == ClientCall.endedByServer {
        // The server has answered already, with OK: the answer stands.
      }
      call.finishRequests()
      return try await A(decoding: call.onlyResponse(), as: "response")
    }
  }

  /// Makes a call with one request and a stream of responses, which `body` reads. The call is
  /// cancelled if it is not at its end when `body` returns.
  ///
  /// - Throws: what `body` throws, an `RPCError` of the stream among it.
  public nonisolated(nonsending) func serverStreaming<Q: WireMessage, A: WireMessage, R>(
    _ method: MethodDescriptor, _ request: Q, options: CallOptions = CallOptions(),
    _ body: nonisolated(nonsending) (ResponseStream<A>) async throws -> R
  ) async throws -> R {
    try await withCall(method, options, only: request.encoded(as: "request")) { call in
      try await body(ResponseStream(call: call))
    }
  }

  /// Makes a call where both sides are streams. The call is cancelled if it is not at its end when
  /// `body` returns: a body that wants the server's last word finishes the requests and reads the
  /// responses to their end.
  ///
  /// - Throws: what `body` throws, an `RPCError` of the streams among it.
  public nonisolated(nonsending) func bidirectionalStreaming<Q: WireMessage, A: WireMessage, R>(
    _ method: MethodDescriptor, options: CallOptions = CallOptions(),
    _ body: nonisolated(nonsending) (RequestWriter<Q>, ResponseStream<A>) async throws -> R
  ) async throws -> R {
    try await withCall(method, options) { call in
      try await body(RequestWriter(call: call), ResponseStream(call: call))
    }
  }

  /// Runs a call for as long as `body`; it is over when this returns. An `only` request is written
  /// before the call begins, so that all of it goes out at once.
  ///
  /// Inlined, since an async function of its own makes each call dearer by about 1 %.
  @inline(__always)
  private nonisolated(nonsending) func withCall<R>(
    _ method: MethodDescriptor, _ options: CallOptions, only request: [UInt8]? = nil,
    _ body: nonisolated(nonsending) (ClientCall) async throws -> R
  ) async throws -> R {
    guard let interceptors else {
      return try await run(ClientCall(method, options, on: self), request, body)
    }
    return try await interceptors.run(method, options, runtime: runtime) { options in
      let call = ClientCall(method, options, on: self)
      do {
        return (.success(try await run(call, request, body)), call)
      } catch {
        return (.failure(error), call)
      }
    }
  }

  @inline(__always)
  private nonisolated(nonsending) func run<R>(
    _ call: ClientCall, _ request: [UInt8]?,
    _ body: nonisolated(nonsending) (ClientCall) async throws -> R
  ) async throws -> R {
    defer { call.cancel() }
    if let request { try call.sendOnly(request) }
    return try await withTaskCancellationHandler {
      call.begin()
      return try await body(call)
    } onCancel: {
      call.cancel()
    }
  }
}
