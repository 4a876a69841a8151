import GRPC
import NIOCore

/// Runs calls on one event loop, by real time.
///
/// A handler starts at once when its call comes in on the loop, and one that does not suspend is
/// never enqueued; when it suspends, it goes on upon the same loop.
final class EventLoopRuntime: CallRuntime, TaskExecutor {
  let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  var now: ContinuousClock.Instant { .now }

  // The transport's one place that starts tasks without a parent: each is a call's handler, and
  // its `ServerCall` cancels it when the call ends.
  func start(_ handler: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    if eventLoop.inEventLoop {
      Task.immediate(executorPreference: self) { await handler() }
    } else {
      Task(executorPreference: self) { await handler() }
    }
  }

  func schedule(
    after delay: Duration, _ action: @escaping @Sendable () -> Void
  ) -> any ScheduledAction {
    LoopTimer(task: eventLoop.scheduleTask(in: TimeAmount(delay), action))
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

private struct LoopTimer: ScheduledAction {
  let task: Scheduled<Void>

  func cancel() {
    task.cancel()
  }
}
