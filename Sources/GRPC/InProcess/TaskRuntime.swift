/// Runs calls as tasks: on an executor that is handed in, or on the global one, by any clock.
///
/// With a seeded executor and a simulated clock the calls of a transport are deterministic. It is
/// the one place of this library that starts tasks without a parent; each is a call's handler, or
/// a timer, and ends with its call.
public struct TaskRuntime<C: Clock>: CallRuntime where C.Duration == Duration {
  private let executor: (any TaskExecutor)?
  private let clock: C
  private let start: C.Instant
  private let origin: ContinuousClock.Instant

  /// Measures deadlines by `clock`, from now on.
  public init(executor: (any TaskExecutor)? = nil, clock: C) {
    self.executor = executor
    self.clock = clock
    start = clock.now
    origin = ContinuousClock.now
  }

  /// The clock's time, told from where both clocks stood at the beginning.
  public var now: ContinuousClock.Instant {
    origin.advanced(by: start.duration(to: clock.now))
  }

  /// Starts the handler as a task on the executor.
  public func start(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: executor) { await work() }
  }

  /// Waits on the clock in a task of its own.
  public func schedule(
    after delay: Duration, _ action: @escaping @Sendable () -> Void
  ) -> ScheduledAction {
    let clock = clock
    let due = clock.now.advanced(by: delay)
    return ScheduledAction(
      TimerTask(
        Task(executorPreference: executor) {
          guard (try? await clock.sleep(until: due, tolerance: nil)) != nil, !Task.isCancelled
          else { return }
          action()
        }))
  }
}

extension TaskRuntime where C == ContinuousClock {
  /// Real time, on the global executor or the one handed in.
  public init(executor: (any TaskExecutor)? = nil) {
    self.init(executor: executor, clock: ContinuousClock())
  }
}

private final class TimerTask: ActionScheduler {
  private let task: Task<Void, Never>

  init(_ task: Task<Void, Never>) { self.task = task }

  func cancel(_ ticket: UInt64) { task.cancel() }
}
