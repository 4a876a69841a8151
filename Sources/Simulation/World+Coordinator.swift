internal import BackupModel
internal import CoordinatorCore

/// The coordinator's process: the core, its mailbox, and the one order of the loop (architecture.md, decision 2).
struct CoordinatorProcess {
  /// Nil: it does not run.
  var core: CoordinatorStateMachine?
  var term = 0
  var began = World.start
  var mailbox: [Event] = []
  var isWakeScheduled = false
  /// The effects whose transaction is with the store.
  var batch: Effects?
  var batchProgress: [SessionID] = []
  var timer: Timestamp?
  var subscriptions: [Subscription] = []
  var nextToken: UInt64 = 0
  /// Which client call waits for which reply.
  var tokens: [(token: ReplyToken, call: Int)] = []

  struct Subscription {
    let watcher: Int
    let generation: Int
    let session: SessionID
  }
}

extension World {
  func isCurrent(_ term: Int) -> Bool { coordinator.core != nil && coordinator.term == term }

  func startCoordinator() {
    guard coordinator.core == nil else { return }
    var configuration = Configuration()
    configuration.repositories[Scenario.repository] = "/repository"
    let term = store.begin()
    do {
      coordinator = CoordinatorProcess()
      coordinator.core = try CoordinatorStateMachine(
        configuration: configuration, epoch: term, jobs: store.jobs, sessions: store.unsettled)
    } catch {
      return fail("acknowledgedFactsSurvive", "the store's log can't be read: \(error)")
    }
    coordinator.term = term
    coordinator.began = now
    progressSeen = [:]
    say("coordinator starts term \(term)")
    if oracles.contains(where: { $0.hasStop && $0.result == nil }) {
      see(.coordinatorRestartWithAStopPending)
    }
    tellCoordinator(.resumed)
  }

  /// Everything that lives in its memory is gone, and every connection with it.
  func crashCoordinator(_ reason: String) {
    guard coordinator.core != nil else { return }
    say("coordinator crashes: \(reason)")
    seeCrashBeforeConfirmation()
    coordinator.core = nil
    coordinator.batch = nil
    coordinator.mailbox = []
    for index in connections.indices where !connections[index].isBroken {
      breakConnection(index, tellsCoordinator: false)
    }
    for index in watchers.indices { disconnectWatcher(index) }
    put(
      .coordinatorStarts,
      in: random.chance(0.7) ? random.milliseconds(50...3_000) : random.milliseconds(3_000...60_000)
    )
  }

  func tellCoordinator(_ event: Event) {
    guard coordinator.core != nil else { return }
    coordinator.mailbox.append(event)
    scheduleWake()
  }

  private func scheduleWake() {
    guard !coordinator.isWakeScheduled, coordinator.batch == nil, !coordinator.mailbox.isEmpty
    else { return }
    coordinator.isWakeScheduled = true
    put(.coordinatorWakes(term: coordinator.term), in: .microseconds(random.int(1...500)))
  }

  func coordinatorTimerFires() {
    coordinator.timer = nil
    tellCoordinator(.timePassed)
  }

  /// Steps all events that have come, then begins one transaction.
  func runBatch() {
    coordinator.isWakeScheduled = false
    guard coordinator.batch == nil, !coordinator.mailbox.isEmpty else { return }
    var whole = Effects()
    for event in coordinator.mailbox {
      seeLateCommit(event)
      guard let effects = coordinator.core?.handle(event, at: now) else { return }
      if isTracing { say("core: \(brief(event))") }
      whole.jobs += effects.jobs
      whole.records += effects.records
      whole.replies += effects.replies
      whole.messages += effects.messages
      whole.progressed += effects.progressed
      whole.lookups += effects.lookups
      whole.nextDeadline = effects.nextDeadline
    }
    coordinator.mailbox = []
    coordinator.batch = whole
    checkProgress(whole.progressed)
    if strikes(.coordinatorCrashInBatch) && random.chance(0.25) {
      return crashCoordinator("after the step")
    }
    let isSlow = strikes(.storeIsSlow)
    put(
      .storeAnswers(term: coordinator.term),
      in: whole.jobs.isEmpty && whole.records.isEmpty
        ? .zero
        : isSlow ? random.milliseconds(100...4_000) : .microseconds(random.int(300...5_000)))
  }

  /// The transaction's outcome is known, or is not; then replies, directives, watchers.
  func finishBatch() {
    guard let batch = coordinator.batch else { return }
    if !(batch.jobs.isEmpty && batch.records.isEmpty) {
      if strikes(.storeFails) { return crashCoordinator("the store failed") }
      if strikes(.storeOutcomeUnknown) {
        if random.chance(0.5) {
          makeDurable(batch)
          if batch.records.contains(where: \.fact.isCommit) { see(.unknownCommitStoodAfterAll) }
        }
        return crashCoordinator("the store's outcome is unknown")
      }
      makeDurable(batch)
    }
    if crashesHere("after the commit") { return }
    for reply in batch.replies { release(reply) }
    if crashesHere("after the replies") { return }
    for message in batch.messages {
      send(message)
      if crashesHere("between directives") { return }
    }
    publish(batch.records)
    for session in batch.lookups {
      coordinator.mailbox.append(.sessionLookedUp(session, store.records(of: session)))
    }
    coordinator.batch = nil
    setTimer(batch.nextDeadline)
    scheduleWake()
  }

  private func crashesHere(_ place: String) -> Bool {
    guard strikes(.coordinatorCrashInBatch) else { return false }
    crashCoordinator(place)
    return true
  }

  private func setTimer(_ deadline: Timestamp?) {
    guard let deadline, coordinator.timer.map({ deadline < $0 }) ?? true else { return }
    coordinator.timer = deadline
    queue.put(.coordinatorTimer(term: coordinator.term), at: max(now, deadline))
  }

  private func makeDurable(_ batch: Effects) {
    store.change(batch.jobs)
    for record in batch.records {
      if isTracing { say("  \(record.session) #\(record.sequence) \(brief(record.fact))") }
      guard store.append(record) else {
        return fail("acknowledgedFactsSurvive", "record \(record.sequence) leaves a gap")
      }
      observe(record)
    }
  }
}

extension SessionRecord.Fact {
  fileprivate var isCommit: Bool {
    if case .committed = self { true } else { false }
  }
}
