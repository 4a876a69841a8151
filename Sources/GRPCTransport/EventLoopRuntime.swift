import GRPC
import NIOCore
import NIOPosix

/// Runs calls on one event loop, by real time.
///
/// A handler starts at once when its call comes in on the loop, and one that does not suspend is
/// never enqueued; when it suspends, it goes on upon the same loop. Delays are kept to the
/// millisecond, never too short.
///
/// SAFETY: `@unchecked`, since `timers` and `callers` are touched on the event loop only; the timers'
/// exclusivity is unchecked, since what a timer does runs after the access to it.
final class EventLoopRuntime: CallRuntime, ActionScheduler, TaskExecutor, @unchecked Sendable {
  let eventLoop: any EventLoop
  @exclusivity(unchecked) private var timers: LoopTimers
  private var callers: [WaitingCaller] = []

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    timers = LoopTimers(on: eventLoop)
  }

  /// The runtime that all connections of the current event loop share.
  static func current(_ eventLoop: any EventLoop) -> EventLoopRuntime {
    guard eventLoop.inEventLoop else { return EventLoopRuntime(eventLoop) }
    if let runtime = shared.currentValue, runtime.eventLoop === eventLoop { return runtime }
    let runtime = EventLoopRuntime(eventLoop)
    shared.currentValue = runtime
    return runtime
  }

  private static let shared = ThreadSpecificVariable<EventLoopRuntime>()

  var now: ContinuousClock.Instant { .now }

  var isCurrent: Bool { eventLoop.inEventLoop }

  // The transport's one place that starts tasks without a parent: each is a call's handler, which
  // its `ServerCall` cancels when the call ends, or belongs to a client's connection.
  func start(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    if eventLoop.inEventLoop {
      Task.immediate(executorPreference: self, operation: work)
    } else {
      Task(executorPreference: self, operation: work)
    }
  }

  // Without a closure for the work in between.
  func start(_ call: ServerCall) -> Task<Void, Never> {
    if eventLoop.inEventLoop {
      Task.immediate(executorPreference: self) { await call.runHandler() }
    } else {
      Task(executorPreference: self) { await call.runHandler() }
    }
  }

  // To wake a thread costs as much as half a call, and it may take this one's core: for all of a turn
  // of the loop one is woken, which then wakes the others.
  func resume(_ caller: WaitingCaller) {
    guard eventLoop.inEventLoop else {
      caller.resume()
      return
    }
    callers.append(caller)
    if callers.count == 1 { eventLoop.execute { self.resumeCallers() } }
  }

  private func resumeCallers() {
    let woken = callers
    callers = []
    if woken.count == 1 {
      woken[0].resume()
    } else {
      Task.detached { for caller in woken { caller.resume() } }
    }
  }

  func schedule(
    after delay: Duration, _ action: @escaping @Sendable () -> Void
  ) -> ScheduledAction {
    guard eventLoop.inEventLoop else {
      return ScheduledAction(LoopTimer(eventLoop.scheduleTask(in: TimeAmount(delay), action)))
    }
    return ScheduledAction(self, ticket: timers.add(action, after: delay, on: self).rawValue)
  }

  func cancel(_ ticket: UInt64) {
    let ticket = LoopTimers.Ticket(rawValue: ticket)
    if eventLoop.inEventLoop {
      timers.remove(ticket)
    } else {
      eventLoop.execute { self.timers.remove(ticket) }
    }
  }

  fileprivate func fire() {
    for action in timers.takeDue(on: self) { action.run() }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// The delays of one event loop, by a single timer of the loop's, since those are dear: it stands for
/// the first of them, and it is let run when that is taken out.
private struct LoopTimers {
  /// A struct, since a closure that is stored as a generic value is wrapped in another.
  struct Action {
    let run: @Sendable () -> Void
  }

  typealias Wheel = TimingWheel<Action>
  typealias Ticket = Wheel.Ticket

  private let eventLoop: any EventLoop
  private var wheel: Wheel
  private var timer: (tick: UInt64, Scheduled<Void>)?

  private static let tick: UInt64 = 1_000_000

  init(on eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    wheel = Wheel(now: NIODeadline.now().uptimeNanoseconds / Self.tick)
  }

  mutating func add(
    _ action: @escaping @Sendable () -> Void, after delay: Duration, on runtime: EventLoopRuntime
  ) -> Ticket {
    let due = NIODeadline.now() + .nanoseconds(delay.wholeNanoseconds)
    let tick = due.uptimeNanoseconds / Self.tick + 1
    defer { if tick < timer?.tick ?? .max { arm(runtime) } }
    return wheel.add(Action(run: action), at: tick)
  }

  mutating func remove(_ ticket: Ticket) { wheel.remove(ticket) }

  /// Answers what is due now; for the rest there is a timer then.
  mutating func takeDue(on runtime: EventLoopRuntime) -> [Action] {
    var due: [Action] = []
    wheel.advance(to: NIODeadline.now().uptimeNanoseconds / Self.tick) { due.append($0) }
    timer = nil
    arm(runtime)
    return due
  }

  private mutating func arm(_ runtime: EventLoopRuntime) {
    guard let tick = wheel.next else { return }
    if let timer {
      guard tick < timer.tick else { return }
      timer.1.cancel()
    }
    let due = NIODeadline.uptimeNanoseconds(tick * Self.tick)
    // Not weak: an object that is referred to weakly is dearer to hold, and each call holds this one.
    timer = (tick, eventLoop.scheduleTask(deadline: due) { runtime.fire() })
  }
}

/// A delay of the loop's own, for what is begun elsewhere.
private final class LoopTimer: ActionScheduler {
  private let timer: Scheduled<Void>

  init(_ timer: Scheduled<Void>) { self.timer = timer }

  func cancel(_ ticket: UInt64) { timer.cancel() }
}
