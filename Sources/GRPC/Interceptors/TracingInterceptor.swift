import Tracing

/// Carries traces through: a server's calls belong to the trace that their caller is in, and so do the
/// calls that their handlers make (W3C Trace Context).
///
/// With a tracer of swift-distributed-tracing each call is a span of it. Without one, `traceparent`
/// and `tracestate` are handed on as they came: this program takes no part in the trace, and does not
/// break it either.
public struct TracingInterceptor: ServerInterceptor, ClientInterceptor {
  private let tracer: (any Tracer)?

  /// Uses a tracer, or the one that the program has set up.
  public init(tracer: (any Tracer)? = nil) {
    self.tracer = tracer
  }

  public nonisolated(nonsending) func intercept(
    _ context: ServerContext, _ next: ServerInterception
  ) async throws {
    let tracer = tracer ?? InstrumentationSystem.tracer
    var service = ServiceContext.current ?? .topLevel
    service.traceContext = TraceContext(context.metadata)
    tracer.extract(context.metadata, into: &service, using: MetadataExtractor())
    await tracer.withSpan(
      context.method.spanName, context: service, ofKind: .server
    ) { span in
      span.describe(context.method)
      span.end(with: await next(), isServer: true)
    }
  }

  public nonisolated(nonsending) func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws {
    let tracer = tracer ?? InstrumentationSystem.tracer
    await tracer.withSpan(method.spanName, ofKind: .client) { span in
      var options = options
      span.describe(method)
      if options.metadata["traceparent"] == nil {
        ServiceContext.current?.traceContext?.inject(into: &options.metadata)
        tracer.inject(span.context, into: &options.metadata, using: MetadataInjector())
      }
      span.end(with: await next(options), isServer: false)
    }
  }
}

extension MethodDescriptor {
  /// `service/method`, as OpenTelemetry's conventions for RPC have it.
  fileprivate var spanName: String { String(path.dropFirst()) }
}

extension Span {
  fileprivate func describe(_ method: MethodDescriptor) {
    guard isRecording else { return }
    attributes["rpc.system"] = "grpc"
    attributes["rpc.service"] = method.service
    attributes["rpc.method"] = method.method
  }

  /// At a server what the caller did wrong is no error of the span (OpenTelemetry, "Semantic
  /// conventions for gRPC").
  fileprivate func end(with outcome: CallOutcome, isServer: Bool) {
    guard isRecording else { return }
    attributes["rpc.grpc.status_code"] = outcome.code.rawValue
    let isError =
      switch outcome.code {
      case .ok: false
      case .unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable, .dataLoss: true
      default: !isServer
      }
    if isError { setStatus(SpanStatus(code: .error, message: "\(outcome.code)")) }
    if let error = outcome.error { recordError(error) }
  }
}

private enum TraceContextKey: ServiceContextKey {
  typealias Value = TraceContext
}

extension ServiceContext {
  /// The trace that the caller of the current call is in.
  public internal(set) var traceContext: TraceContext? {
    get { self[TraceContextKey.self] }
    set { self[TraceContextKey.self] = newValue }
  }
}

/// Trace headers only if they are well-formed; others as they are.
private struct MetadataExtractor: Extractor {
  func extract(key: String, from metadata: Metadata) -> String? {
    switch key.lowercased() {
    case "traceparent": TraceContext(metadata)?.parent
    case "tracestate": TraceContext(metadata)?.state
    default: metadata[key]
    }
  }
}

private struct MetadataInjector: Injector {
  func inject(_ value: String, forKey key: String, into metadata: inout Metadata) {
    metadata.removeAll(named: key)
    // A tracer that has something that metadata can't carry goes without.
    try? metadata.add(key, value)
  }
}
