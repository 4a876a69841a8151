/// Where a transport's calls run, and what time it is there.
///
/// The transport decides: on sockets it is the connection's event loop, in a simulation the seeded
/// executor and its clock. Nothing else in this library starts a task or reads a clock.
public protocol CallRuntime: Sendable {
  /// The time that deadlines are measured by.
  var now: ContinuousClock.Instant { get }

  /// Starts a task, at once (`Task.immediate(executorPreference:)`) or soon.
  ///
  /// It ends by itself when it is cancelled, and it never throws.
  func start(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never>

  /// Starts a task that does `ServerCall.runHandler()`; as the other, but for each call of a server.
  func start(_ call: ServerCall) -> Task<Void, Never>

  /// Whether the current thread is the calls' own, where `schedule` costs least.
  var isCurrent: Bool { get }

  /// Lets a caller go on that waits on another thread than the calls' own: now, or soon, with others.
  func resume(_ caller: WaitingCaller)

  /// Runs an action, which is short and doesn't block, once after a delay that is at most
  /// `CallRuntimeLimits.longestDelay`; never before `schedule` has returned.
  func schedule(
    after delay: Duration, _ action: @escaping @Sendable () -> Void
  ) -> ScheduledAction
}

extension CallRuntime {
  /// Starts the handler as any work.
  public func start(_ call: ServerCall) -> Task<Void, Never> {
    start { await call.runHandler() }
  }

  /// At once.
  public func resume(_ caller: WaitingCaller) { caller.resume() }

  /// Every thread is as good as any other.
  public var isCurrent: Bool { true }
}

/// A task that waits for a message of its call, and what it waited for.
public struct WaitingCaller: Sendable {
  let continuation: UnsafeContinuation<InboundMessage?, any Error>
  let result: Result<InboundMessage?, any Error>

  /// Lets it go on. To be called exactly once.
  public func resume() { continuation.resume(with: result) }
}

/// An action that waits for its time.
///
/// A struct, since each call has one, and an existential of any size is dear to copy and to drop.
public struct ScheduledAction: Sendable {
  private let scheduler: any ActionScheduler
  private let ticket: UInt64

  /// An action that a scheduler knows by a number.
  public init(_ scheduler: any ActionScheduler, ticket: UInt64 = 0) {
    self.scheduler = scheduler
    self.ticket = ticket
  }

  /// Prevents the action unless it has begun. Harmless at any time and any number of times.
  public func cancel() { scheduler.cancel(ticket) }
}

/// What lets actions wait.
public protocol ActionScheduler: AnyObject, Sendable {
  /// As `ScheduledAction.cancel()`, for the action of this number.
  func cancel(_ ticket: UInt64)
}

/// What every runtime can rely on.
public enum CallRuntimeLimits {
  /// A deadline further off than this is none: a year.
  public static let longestDelay = Duration.seconds(365 * 24 * 3600)
}
