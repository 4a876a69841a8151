package import BackupModel

/// All that one worker runs: its attempts, and its duties for attempts whose workers are gone.
///
///     serving ──terminate──▶ draining ──terminate──▶ canceling
///        takes tasks           finishes what it has     interrupts what it has
///
/// The lease covers the worker as a whole: when it runs out, every attempt is interrupted as its own machine says,
/// and the worker goes on serving what a later lease brings.
package struct WorkerStateMachine: Hashable, Sendable {
  package enum Event: Hashable, Sendable {
    /// The coordinator granted or renewed the lease. Count the time from when the report that it answers was sent.
    case leaseGranted(until: Timestamp)
    case directive(Directive)
    case stepEnded(AttemptID, StepResult)
    case progress(AttemptID, TaskProgress)
    /// Failure nil: done.
    case dutyEnded(Duty, failure: StepFailure?)
    /// The process was asked to end: the first time it drains, from the second on it interrupts.
    case terminate
    /// ``WorkerStateMachine/deadline`` has come; earlier is harmless.
    case timePassed
  }

  /// What the shell is to do, in this order: begin the steps, begin the duties, send a report if one is due.
  package struct Effects: Hashable, Sendable {
    package struct Step: Hashable, Sendable {
      package let specification: TaskSpecification
      package let step: AttemptStep
    }

    package var steps: [Step] = []
    package var duties: [Duty] = []
    /// Send ``WorkerStateMachine/takeReport()`` now, if there is a connection: what it says has changed. Progress
    /// alone waits for the next heartbeat, and so does the answer to a directive that changed nothing: else two
    /// sides that repeat themselves would drive each other round.
    package var isReportDue = false

    package init() {}

    mutating func add(_ steps: [AttemptStep], of specification: TaskSpecification) {
      for step in steps { self.steps.append(Step(specification: specification, step: step)) }
    }
  }

  enum Service: Hashable, Sendable {
    /// Can move to: draining.
    case serving
    /// Can move to: canceling.
    case draining
    /// Terminal.
    case canceling
  }

  enum Lease: Hashable, Sendable {
    /// Nothing was granted yet.
    case none
    case until(Timestamp)
    case expired
  }

  /// How many duties may run at once, and how many ended ones wait to be reported.
  static let maxDuties = 64

  let slots: Int
  var service = Service.serving
  var lease = Lease.none
  /// By the order of their assignment. Few: at most `slots` run, and ended ones are released soon.
  var attempts: [AttemptStateMachine] = []
  var runningDuties: [Duty] = []
  var endedDuties: [DutyReport] = []

  /// `slots`: how many attempts may run at once; at least 1.
  package init(slots: Int) { self.slots = max(1, slots) }

  package mutating func handle(_ event: Event, at now: Timestamp) -> Effects {
    var effects = Effects()
    if case .leaseGranted(let end) = event { lease = .until(end) }
    fenceItself(at: now, &effects)
    switch event {
    case .leaseGranted: break
    case .directive(let directive): follow(directive, &effects)
    case .stepEnded(let attempt, let result):
      update(attempt, &effects) { $0.stepEnded(result, at: now) }
    case .progress(let attempt, let progress):
      if let index = index(of: attempt) { attempts[index].advance(to: progress) }
    case .dutyEnded(let duty, let failure): dutyEnded(duty, failure: failure, &effects)
    case .terminate: terminate(&effects)
    case .timePassed: break
    }
    for index in attempts.indices {
      effects.add(attempts[index].timePassed(at: now), of: attempts[index].specification)
    }
    return effects
  }

  /// When ``Event/timePassed`` is to be handed in. Nil: nothing waits for a time.
  package var deadline: Timestamp? {
    var times = attempts.compactMap(\.deadline)
    if case .until(let end) = lease { times.append(end) }
    return times.min()
  }

  /// All that the worker runs now. Ended duties are in it once: a report that is lost makes the coordinator ask
  /// again, and a duty that was done is done again for nothing.
  package mutating func takeReport() -> WorkerReport {
    defer { endedDuties = [] }
    return WorkerReport(
      attempts: attempts.map(\.report), duties: endedDuties, isDraining: service != .serving)
  }

  /// Whether a worker that was asked to terminate may exit, once its last report is sent.
  package var isFinished: Bool {
    switch service {
    case .serving: false
    case .draining:
      runningDuties.isEmpty && (attempts.isEmpty || (lease == .expired && isAtRest))
    case .canceling: isAtRest
    }
  }

  private var isAtRest: Bool { attempts.allSatisfy(\.isAtRest) }

  func index(of attempt: AttemptID) -> Int? {
    attempts.firstIndex { $0.specification.attempt == attempt }
  }

  /// An attempt that is not known is not in the next report either: the coordinator will see that.
  mutating func update(
    _ attempt: AttemptID, _ effects: inout Effects,
    _ change: (inout AttemptStateMachine) -> [AttemptStep]
  ) {
    if let index = index(of: attempt) { update(at: index, &effects, change) }
  }

  mutating func updateAll(
    _ effects: inout Effects, _ change: (inout AttemptStateMachine) -> [AttemptStep]
  ) {
    for index in attempts.indices { update(at: index, &effects, change) }
  }

  private mutating func update(
    at index: Int, _ effects: inout Effects,
    _ change: (inout AttemptStateMachine) -> [AttemptStep]
  ) {
    let before = attempts[index].report
    effects.add(change(&attempts[index]), of: attempts[index].specification)
    if attempts[index].report != before { effects.isReportDue = true }
  }

  /// Stops what may not go on when the lease has run out, before anything else is done.
  private mutating func fenceItself(at now: Timestamp, _ effects: inout Effects) {
    guard case .until(let end) = lease, end <= now else { return }
    lease = .expired
    updateAll(&effects) { $0.interrupt(reason: "The worker lost its lease") }
  }
}
