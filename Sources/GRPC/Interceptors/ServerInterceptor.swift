/// Something that stands around the calls of a server, whatever their method and shape: logging,
/// metrics, authentication.
///
/// ```swift
/// struct Maintenance: ServerInterceptor {
///   func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
///     if isClosed { throw RPCError(.unavailable, "closed until noon") }
///     let outcome = await next()
///     print(context.method.path, outcome.code)
///   }
/// }
/// router.intercept(with: Maintenance())
/// ```
///
/// Task-locals that it binds around `next` hold in the handler, and the cancellation of the call is
/// that of its task. Every call that has a readable head comes through, also one that is refused
/// before it has a handler: for an unknown method, a wrong count of requests, a deadline that passes
/// before the request is whole. What an interceptor throws for such a call goes nowhere.
public protocol ServerInterceptor: Sendable {
  /// Runs around one call.
  ///
  /// - Parameters:
  ///   - context: the call.
  ///   - next: runs the interceptors within and the handler, and tells how that ended; it never
  ///     throws. To be called once; who refuses the call throws instead.
  /// - Throws: what becomes of the call in place of its own end, as for a handler. Who returns leaves
  ///   the end as it is.
  nonisolated(nonsending) func intercept(
    _ context: ServerContext, _ next: ServerInterception
  ) async throws

  /// What stands in for this interceptor in the calls of one method: a place for what depends on the
  /// method only. Asked once a method, when the router is put together.
  ///
  /// - Parameter method: nil stands for all methods that the router does not have.
  func specialized(for method: MethodDescriptor?) -> any ServerInterceptor
}

/// The rest of an intercepted call.
public typealias ServerInterception = nonisolated(nonsending) () async -> CallOutcome

extension ServerInterceptor {
  /// The interceptor itself.
  public func specialized(for method: MethodDescriptor?) -> any ServerInterceptor { self }
}

/// An interceptor that only watches. A call doesn't suspend in it, which spares each call some of its
/// cost.
protocol ServerObserver: ServerInterceptor {
  /// A call begins.
  func began(_ context: ServerContext)

  /// What is within has ended.
  func ended(_ context: ServerContext, _ outcome: CallOutcome)
}

extension ServerObserver {
  nonisolated(nonsending) func intercept(
    _ context: ServerContext, _ next: ServerInterception
  ) async throws {
    began(context)
    ended(context, await next())
  }
}

/// The interceptors of one method, the outermost first.
struct ServerInterceptorChain: Sendable {
  private enum Layer: Sendable {
    case around(any ServerInterceptor)
    case watching(any ServerObserver)
  }

  private let layers: [Layer]

  /// Nil when there are none: nothing is to be paid then.
  init?(_ interceptors: [any ServerInterceptor], for method: MethodDescriptor?) {
    guard !interceptors.isEmpty else { return nil }
    layers = interceptors.map { interceptor in
      let special = interceptor.specialized(for: method)
      return (special as? any ServerObserver).map { .watching($0) } ?? .around(special)
    }
  }

  /// Runs a handler within the interceptors from one on, which began at some time.
  nonisolated(nonsending) func run(
    _ call: ServerCall, from index: Int, since start: ContinuousClock.Instant,
    _ handler: Route.Handler
  ) async throws -> [UInt8]? {
    guard index < layers.count else { return try await handler(call) }
    switch layers[index] {
    case .watching(let observer):
      observer.began(call.context)
      let result: Result<[UInt8]?, any Error>
      do {
        // Each function on the way to a handler costs each call.
        result = .success(
          index + 1 < layers.count
            ? try await run(call, from: index + 1, since: start, handler) : try await handler(call))
      } catch {
        result = .failure(error)
      }
      observer.ended(call.context, call.outcome(result, since: start))
      return try result.get()
    case .around(let interceptor):
      var result: Result<[UInt8]?, any Error>?
      try await interceptor.intercept(call.context) {
        if result == nil {
          do {
            result = .success(try await run(call, from: index + 1, since: start, handler))
          } catch {
            result = .failure(error)
          }
        }
        return call.outcome(result, since: start)
      }
      guard let result else {
        throw RPCError(.internal, "an interceptor neither refused the call nor went on with it")
      }
      return try result.get()
    }
  }
}
