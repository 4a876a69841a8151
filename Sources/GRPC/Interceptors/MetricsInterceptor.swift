import CoreMetrics
import Synchronization

/// Counts calls and measures their time with swift-metrics, under the names that gRPC's Prometheus
/// middlewares use:
///
/// `grpc_server_started_total`, `grpc_server_handled_total` (by `grpc_code`),
/// `grpc_server_handling_seconds`, `grpc_server_msg_received_total` and `grpc_server_msg_sent_total`,
/// with `grpc_service`, `grpc_method` and `grpc_type`; at a client `grpc_client_…`.
///
/// The handles are made once a method. Methods that a server does not have are counted together, as
/// `_OTHER`: a peer can't make up series.
public struct MetricsInterceptor: ServerInterceptor, ClientInterceptor {
  private let factory: any MetricsFactory

  /// Reports to a factory, or to the one that the program has set up.
  public init(factory: (any MetricsFactory)? = nil) {
    self.factory = factory ?? MetricsSystem.factory
  }

  public func specialized(for method: MethodDescriptor?) -> any ServerInterceptor {
    MethodMetrics("grpc_server", method, factory)
  }

  public func specialized(for method: MethodDescriptor) -> any ClientInterceptor {
    MethodMetrics("grpc_client", method, factory)
  }

  public nonisolated(nonsending) func intercept(
    _ context: ServerContext, _ next: ServerInterception
  ) async throws {
    try await MethodMetrics("grpc_server", context.method, factory).intercept(context, next)
  }

  public nonisolated(nonsending) func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws {
    try await MethodMetrics("grpc_client", method, factory).intercept(method, options, next)
  }
}

/// One method's handles.
private final class MethodMetrics: ServerObserver, ClientInterceptor {
  private let started: Counter
  private let received: Counter
  private let sent: Counter
  private let duration: Timer
  /// By the number of the code; a counter that was never needed is not there. Codes without a name
  /// are counted as UNKNOWN.
  private let handled: Mutex<[Counter?]>
  private let makeHandled: @Sendable (StatusCode) -> Counter

  init(_ prefix: String, _ method: MethodDescriptor?, _ factory: any MetricsFactory) {
    let dimensions = [
      ("grpc_service", method?.service ?? "_OTHER"), ("grpc_method", method?.method ?? "_OTHER"),
      ("grpc_type", method?.kind.metricsName ?? "unary"),
    ]
    func counter(_ name: String) -> Counter {
      Counter(label: "\(prefix)_\(name)", dimensions: dimensions, factory: factory)
    }
    started = counter("started_total")
    received = counter("msg_received_total")
    sent = counter("msg_sent_total")
    duration = Timer(
      label: "\(prefix)_handling_seconds", dimensions: dimensions,
      preferredDisplayUnit: .seconds, factory: factory)
    handled = Mutex(Array(repeating: nil, count: StatusCode.unauthenticated.rawValue + 1))
    makeHandled = { code in
      Counter(
        label: "\(prefix)_handled_total", dimensions: dimensions + [("grpc_code", "\(code)")],
        factory: factory)
    }
  }

  func began(_ context: ServerContext) { started.increment() }

  func ended(_ context: ServerContext, _ outcome: CallOutcome) { record(outcome) }

  nonisolated(nonsending) func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws {
    started.increment()
    record(await next(options))
  }

  private func record(_ outcome: CallOutcome) {
    if outcome.messagesReceived > 0 { received.increment(by: outcome.messagesReceived) }
    if outcome.messagesSent > 0 { sent.increment(by: outcome.messagesSent) }
    duration.recordNanoseconds(outcome.duration.wholeNanoseconds)
    counter(outcome.code).increment()
  }

  private func counter(_ code: StatusCode) -> Counter {
    handled.withLock { handled in
      let code = handled.indices.contains(code.rawValue) ? code : .unknown
      if let counter = handled[code.rawValue] { return counter }
      let counter = makeHandled(code)
      handled[code.rawValue] = counter
      return counter
    }
  }
}

extension MethodKind {
  fileprivate var metricsName: String {
    switch self {
    case .unary: "unary"
    case .clientStreaming: "client_stream"
    case .serverStreaming: "server_stream"
    case .bidirectionalStreaming: "bidi_stream"
    }
  }
}
