internal import BackupModel
internal import Hypervisor
internal import Logging
import WorkerCore

/// The one task that owns a worker's state: it takes events in batches, then begins what they lead to, then reports.
///
/// Steps and duties run on threads of their own and come back as events.
struct WorkerLoop {
  private let configuration: WorkerConfiguration
  private let clock: any WorkerClock
  private let log: Logger
  private let mailbox: Mailbox<WorkerEvent>
  private let checkpoints: CheckpointWork
  private let held: HeldAttempts
  private let threads: BlockingThreads
  private let dutyThreads = BlockingThreads(label: "duty", limit: 4)

  private var machine: WorkerStateMachine
  private var works: [AttemptID: any AttemptWork] = [:]
  /// The attempts whose counters may grow, by the order in which their transfers began.
  private var transferring: [AttemptID] = []
  private var attachment: Attachment?
  /// How often the process was asked to end.
  private var terminations = 0
  /// When a canceled worker ends, whatever is left.
  private var end: Timestamp?
  private var isReportDue = false
  private var isProgressDue = false
  private var lastReport: Timestamp
  private var lastPoll: Timestamp

  init(
    configuration: WorkerConfiguration, clock: any WorkerClock, log: Logger,
    mailbox: Mailbox<WorkerEvent>, checkpoints: CheckpointWork, held: HeldAttempts
  ) {
    self.configuration = configuration
    self.clock = clock
    self.log = log
    self.mailbox = mailbox
    self.checkpoints = checkpoints
    self.held = held
    // For each slot a step, the removal of its checkpoint beside it, and a cut.
    threads = BlockingThreads(label: "attempt", limit: configuration.slots * 3)
    machine = WorkerStateMachine(slots: configuration.slots)
    lastReport = clock.now
    lastPoll = lastReport
  }

  /// Runs until the worker was told to end and has. Returns whether it is attached: then its last report is on its
  /// way out.
  consuming func run() async -> Bool {
    while !Task.isCancelled {
      let events = mailbox.takeAll()
      for event in events { handle(event) }
      passTime()
      pollProgress()
      report()
      if isFinished {
        attachment?.outbox.close()
        return attachment != nil
      }
      await wait(until: deadline)
    }
    for work in works.values { work.cut() }
    return false
  }

  private var isFinished: Bool {
    if let end, end <= clock.now {
      log.error("The worker ends although it could not clean up")
      return true
    }
    return machine.isFinished && (attachment == nil || !isReportDue)
  }

  private mutating func handle(_ event: WorkerEvent) {
    switch event {
    case .attached(let attachment):
      self.attachment = attachment
      isReportDue = true
      step(.leaseGranted(until: attachment.leaseEnd))
    case .detached(let outbox):
      if attachment?.outbox === outbox { attachment = nil }
    case .leaseRenewed(let end): step(.leaseGranted(until: end))
    case .directives(let directives):
      for directive in directives { step(.directive(directive)) }
    case .reportTaken: break
    case .stepEnded(let attempt, let result):
      poll(attempt)
      if !isTransferring(after: result) { transferring.removeAll { $0 == attempt } }
      logEnd(of: attempt, result)
      step(.stepEnded(attempt, result))
    case .dutyEnded(let duty, let failure): step(.dutyEnded(duty, failure: failure))
    case .drain: terminate(times: 1)
    case .cancel:
      terminate(times: 2)
      if end == nil { end = clock.now.advanced(by: configuration.cleanUpBound) }
    }
  }

  private mutating func terminate(times: Int) {
    while terminations < times {
      terminations += 1
      step(.terminate)
    }
  }

  private mutating func passTime() {
    guard let deadline = machine.deadline, deadline <= clock.now else { return }
    step(.timePassed)
  }

  private mutating func step(_ event: WorkerStateMachine.Event) {
    let effects = machine.handle(event, at: clock.now)
    for step in effects.steps { begin(step) }
    for duty in effects.duties { begin(duty) }
    isReportDue = isReportDue || effects.isReportDue
  }
}

// Beginning what the state machine asks for.
extension WorkerLoop {
  private mutating func begin(_ effect: WorkerStateMachine.Effects.Step) {
    let specification = effect.specification
    let attempt = specification.attempt
    let work = work(for: specification)
    if case .transfer = effect.step { transferring.append(attempt) }
    threads.submit { [checkpoints, mailbox] in
      let result: StepResult
      switch effect.step {
      case .createCheckpoint: result = checkpoints.create(for: specification)
      case .removeCheckpoint: result = checkpoints.remove(for: specification)
      case .verifyRemoval: result = checkpoints.verifyRemoval(for: specification)
      case .transfer: result = work.transfer()
      case .cutTransfer: return work.cut()
      case .stage: result = work.stage()
      case .publish(let commitment): result = work.publish(commitment)
      case .discardStaging: result = work.discard()
      }
      mailbox.post(.stepEnded(attempt, result))
    }
  }

  private func begin(_ duty: Duty) {
    dutyThreads.submit { [checkpoints, mailbox] in
      let failure = DutyWork(checkpoints: checkpoints).perform(duty)
      mailbox.post(.dutyEnded(duty, failure: failure))
    }
  }

  private mutating func work(for specification: TaskSpecification) -> any AttemptWork {
    if let work = works[specification.attempt] { return work }
    let driver = checkpoints.hypervisors[specification.object.hypervisor]
    let work: any AttemptWork
    if let settings = specification.restore, specification.type == .restore {
      work = RestoreWork(specification, settings, converter: driver)
    } else {
      work = BackupWork(specification, driver)
    }
    works[specification.attempt] = work
    return work
  }

  private func isTransferring(after result: StepResult) -> Bool {
    switch result {
    case .transferFailed, .transferCut, .staged, .stagingFailed: false
    case .checkpointCreated, .checkpointFailed, .transferred, .published, .publishFailed,
      .stagingDiscarded, .discardFailed, .checkpointRemoved, .removalVerified, .removalFailed:
      true
    }
  }

  private func logEnd(of attempt: AttemptID, _ result: StepResult) {
    switch result {
    case .checkpointFailed(let failure), .transferFailed(let failure),
      .stagingFailed(let failure), .publishFailed(let failure):
      log.warning("\(attempt): \(failure.message)")
    case .discardFailed(let message), .removalFailed(let message):
      log.warning("\(attempt): \(message)")
    case .checkpointCreated, .transferred, .transferCut, .staged, .published,
      .stagingDiscarded, .checkpointRemoved, .removalVerified:
      log.debug("\(attempt): \(result)")
    }
  }
}

// Telling the coordinator.
extension WorkerLoop {
  /// Sends what is due, if there is a connection with room for it.
  private mutating func report() {
    guard let attachment, attachment.outbox.isEmpty else { return }
    let now = clock.now
    let isHeartbeatDue = lastReport.advanced(by: attachment.heartbeatInterval) <= now
    guard isReportDue || isProgressDue || isHeartbeatDue else { return }
    let report = machine.takeReport()
    let attempts = Set(report.attempts.map(\.attempt))
    works = works.filter { attempts.contains($0.key) }
    held.replace(with: attempts)
    attachment.outbox.put(report)
    lastReport = now
    isReportDue = false
    isProgressDue = false
  }

  private mutating func pollProgress() {
    guard !transferring.isEmpty, nextPoll <= clock.now else { return }
    lastPoll = clock.now
    for attempt in transferring { poll(attempt) }
    isProgressDue = true
  }

  private mutating func poll(_ attempt: AttemptID) {
    guard let progress = works[attempt]?.progress else { return }
    _ = machine.handle(.progress(attempt, progress), at: clock.now)
  }

  private var nextPoll: Timestamp { lastPoll.advanced(by: configuration.progressInterval) }

  /// When there is something to do whatever happens before.
  private var deadline: Timestamp? {
    var times = [machine.deadline, end].compactMap(\.self)
    if let attachment {
      if !transferring.isEmpty { times.append(nextPoll) }
      if attachment.outbox.isEmpty {
        times.append(lastReport.advanced(by: attachment.heartbeatInterval))
      }
    }
    return times.min()
  }

  private func wait(until deadline: Timestamp?) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [mailbox] in await mailbox.waitForEvent() }
      if let deadline {
        group.addTask { [clock] in try? await clock.sleep(until: deadline) }
      }
      await group.next()
      group.cancelAll()
    }
  }
}
