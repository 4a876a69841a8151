import Synchronization

/// Something that stands around the calls of a channel, whatever their method and shape.
///
/// ```swift
/// struct Token: ClientInterceptor {
///   func intercept(
///     _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
///   ) async throws {
///     var options = options
///     try options.metadata.add("authorization", "Bearer \(token)")
///     _ = await next(options)
///   }
/// }
/// let greeter = GreeterClient(InterceptedChannel(client, [Token()]))
/// ```
///
/// It runs in the caller's task: task-locals and cancellation are the caller's.
public protocol ClientInterceptor: Sendable {
  /// Runs around one call.
  ///
  /// - Parameters:
  ///   - method: the method that is called.
  ///   - options: how it is called.
  ///   - next: makes the call with the options, which may be others than those given, runs the
  ///     caller's part of it, and tells how it ended; it never throws. To be called once; who does
  ///     not want the call made throws instead.
  /// - Throws: what the caller gets in place of the call's end. Who returns leaves the end as it is.
  nonisolated(nonsending) func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws

  /// What stands in for this interceptor in the calls of one method; asked once a method and channel.
  func specialized(for method: MethodDescriptor) -> any ClientInterceptor
}

/// The rest of an intercepted call.
public typealias ClientInterception = nonisolated(nonsending) (CallOptions) async -> CallOutcome

extension ClientInterceptor {
  /// The interceptor itself.
  public func specialized(for method: MethodDescriptor) -> any ClientInterceptor { self }
}

/// A channel whose calls go through interceptors, the first of them outermost.
public struct InterceptedChannel: RPCChannel {
  public var runtime: any CallRuntime { channel.runtime }
  public var limits: CallLimits { channel.limits }
  public var retries: ChannelRetries { channel.retries }
  public let interceptors: ClientInterceptorChain?

  private let channel: any RPCChannel

  /// Puts interceptors around a channel, within those that it has already.
  public init(_ channel: any RPCChannel, _ interceptors: [any ClientInterceptor]) {
    self.channel = channel
    self.interceptors = ClientInterceptorChain((channel.interceptors?.all ?? []) + interceptors)
  }

  public func start(_ call: ClientCall) {
    channel.start(call)
  }
}

/// A channel's interceptors, with what they are for each method that was called.
public final class ClientInterceptorChain: Sendable {
  /// As a channel was given them, the outermost first.
  let all: [any ClientInterceptor]
  private let byMethod = Mutex<[MethodDescriptor: [any ClientInterceptor]]>([:])

  init(_ interceptors: [any ClientInterceptor]) {
    all = interceptors
  }

  /// More methods than a program has; a caller that makes names up does not fill the memory.
  private static let maximumMethods = 1_000

  private func interceptors(for method: MethodDescriptor) -> [any ClientInterceptor] {
    if let known = byMethod.withLock({ $0[method] }) { return known }
    let made = all.map { $0.specialized(for: method) }
    return byMethod.withLock { byMethod in
      if let known = byMethod[method] { return known }
      if byMethod.count < Self.maximumMethods { byMethod[method] = made }
      return made
    }
  }

  /// Runs a call within the interceptors; `make` makes it.
  nonisolated(nonsending) func run<R>(
    _ method: MethodDescriptor, _ options: CallOptions, runtime: any CallRuntime,
    _ make: nonisolated(nonsending) (CallOptions) async -> (Result<R, any Error>, ClientCall)
  ) async throws -> R {
    let start = runtime.now
    var result: Result<R, any Error>?
    var made: ClientCall?
    let interceptors = interceptors(for: method)
    await step(
      interceptors[...], method, options, &result,
      outcome: { ClientCall.outcome($0, of: made, after: start.duration(to: runtime.now)) },
      make: { options in
        let (ended, call) = await make(options)
        made = call
        return ended
      })
    guard let result else {
      throw RPCError(.internal, "an interceptor neither refused the call nor went on with it")
    }
    return try result.get()
  }

  private nonisolated(nonsending) func step<R>(
    _ interceptors: ArraySlice<any ClientInterceptor>, _ method: MethodDescriptor,
    _ options: CallOptions, _ result: inout Result<R, any Error>?,
    outcome: (Result<R, any Error>?) -> CallOutcome,
    make: nonisolated(nonsending) (CallOptions) async -> Result<R, any Error>
  ) async {
    guard let first = interceptors.first else {
      result = await make(options)
      return
    }
    var inner: Result<R, any Error>?
    do {
      try await first.intercept(method, options) { options in
        if inner == nil {
          await step(
            interceptors.dropFirst(), method, options, &inner, outcome: outcome, make: make)
        }
        return outcome(inner)
      }
      result = inner
    } catch {
      result = .failure(error)
    }
  }
}
