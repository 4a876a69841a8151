import Logging

/// Logs one line a call, at its end: method, peer, status, duration, counts of messages.
public struct LoggingInterceptor: ServerInterceptor, ClientInterceptor {
  /// How loud a status is: DEBUG for OK, INFO for what is the caller's doing, WARNING for
  /// UNAVAILABLE, ERROR for what must not be (UNKNOWN, INTERNAL, DATA_LOSS).
  public static func standardLevel(_ code: StatusCode) -> Logger.Level {
    switch code {
    case .ok: .debug
    case .unknown, .internal, .dataLoss: .error
    case .unavailable: .warning
    default: .info
    }
  }

  private let logger: Logger
  private let level: @Sendable (StatusCode) -> Logger.Level

  /// Logs to a logger.
  ///
  /// - Parameters:
  ///   - logger: gets the lines.
  ///   - level: how loud a status is.
  public init(
    _ logger: Logger,
    level: @escaping @Sendable (StatusCode) -> Logger.Level = LoggingInterceptor.standardLevel
  ) {
    self.logger = logger
    self.level = level
  }

  public nonisolated(nonsending) func intercept(
    _ context: ServerContext, _ next: ServerInterception
  ) async throws {
    let outcome = await next()
    log("a call was served", context.method, outcome, ["peer": "\(context.peer)"])
  }

  public nonisolated(nonsending) func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws {
    let outcome = await next(options)
    log("a call was made", method, outcome, [:])
  }

  /// What is logged is made only if somebody hears it. The peer chooses an unknown method's name, and
  /// log handlers escape what they write.
  private func log(
    _ message: Logger.Message, _ method: MethodDescriptor, _ outcome: CallOutcome,
    _ own: @autoclosure () -> Logger.Metadata
  ) {
    let level = level(outcome.code)
    guard logger.logLevel <= level else { return }
    var metadata = own()
    metadata["method"] = "\(method.path)"
    metadata["code"] = "\(outcome.code)"
    metadata["duration"] = "\(outcome.duration)"
    metadata["received"] = "\(outcome.messagesReceived)"
    metadata["sent"] = "\(outcome.messagesSent)"
    if let error = outcome.error { metadata["error"] = "\(error)" }
    logger.log(level: level, message, metadata: metadata)
  }
}
