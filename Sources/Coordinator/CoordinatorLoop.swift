internal import BackupModel
internal import CoordinatorCore
internal import GRPC
internal import Logging
internal import Store

/// The one place where anything happens: it drains its mailbox in batches, and each batch goes the same way:
/// step all events → one store transaction → release replies → send directives → publish.
///
/// So every fact that anyone is told is durable, and a batch shares one fsync. A transaction that fails, or whose
/// outcome is unknown, ends the term; the next one starts from the store as a process start does.
struct CoordinatorLoop: Sendable {
  let configuration: Configuration
  let store: any CoordinatorStore
  let clock: any CoordinatorClock
  let mailbox: Mailbox
  let connections: WorkerConnections
  let hub: WatchHub
  let log: Logger
  /// Told whether a term runs, on each change.
  let reportServing: @Sendable (Bool) -> Void

  /// How long to wait before the store is tried again.
  private static let pause = Duration.seconds(1)

  /// Runs terms until the task is canceled, or another coordinator has taken the store over.
  func run() async throws {
    defer { endTerm(.shuttingDown, isFinal: true) }
    while true {
      try Task.checkCancellation()
      do {
        try await runTerm()
      } catch let error as StoreError {
        endTerm(.interrupted, isFinal: false)
        guard error.code == .failed || error.code == .outcomeUnknown else { throw error }
        log.error("the store failed; the coordinator begins anew", metadata: ["error": "\(error)"])
        try await clock.sleep(until: clock.now().advanced(by: Self.pause))
      }
    }
  }

  private func endTerm(_ error: RPCError, isFinal: Bool) {
    reportServing(false)
    if isFinal { mailbox.close(error) } else { mailbox.failAll(error) }
    connections.closeAll(error)
    hub.closeAll(error)
  }

  private func runTerm() async throws {
    var term = try await begin()
    reportServing(true)
    var letters: [Letter] = [.event(.resumed)]
    while true {
      try await step(letters, &term)
      letters = await mailbox.take(until: term.nextDeadline, clock)
      try Task.checkCancellation()
      if let deadline = term.nextDeadline, deadline <= clock.now() {
        letters.append(.event(.timePassed))
      }
    }
  }

  /// What one term holds.
  private struct Term {
    var core: CoordinatorStateMachine
    var rates = ProgressRates()
    var nextDeadline: Timestamp?
    var lastToken: UInt64 = 0
  }

  private func begin() async throws -> Term {
    let stored = try await store.begin()
    do {
      let core = try CoordinatorStateMachine(
        configuration: configuration, epoch: stored.epoch, jobs: stored.jobs,
        sessions: stored.unsettledSessions)
      log.info(
        "a term begins",
        metadata: [
          "epoch": "\(stored.epoch)", "jobs": "\(stored.jobs.count)",
          "unsettled_sessions": "\(stored.unsettledSessions.count)",
        ])
      return Term(core: core)
    } catch {
      throw StoreError(.corrupt, "\(error)")
    }
  }

  /// One batch.
  private func step(_ letters: [Letter], _ term: inout Term) async throws {
    var batch = Batch()
    let now = clock.now()
    for letter in letters {
      switch letter {
      case .event(let event): batch.add(term.core.handle(event, at: now))
      case .request(let request, let answer):
        term.lastToken += 1
        let token = ReplyToken(rawValue: term.lastToken)
        batch.answers[token] = answer
        batch.add(term.core.handle(.request(request, token), at: now))
      case .read(let body): batch.reads.append(body)
      }
    }
    do {
      try await commit(batch, epoch: term.core.epoch)
    } catch {
      batch.fail(.outcomeUnknown)
      throw error
    }
    if batch.hasStepped { term.nextDeadline = batch.nextDeadline }
    measure(batch, &term, at: now)
    release(batch, term, at: now)
    connections.send(batch.messages)
    publish(batch, term)
    try await lookUp(batch.lookups)
  }

  private func commit(_ batch: Batch, epoch: Int) async throws {
    guard !batch.jobs.isEmpty || !batch.records.isEmpty else { return }
    try await store.commit(
      StoreTransaction(epoch: epoch, jobs: batch.jobs, records: batch.records))
  }

  private func measure(_ batch: Batch, _ term: inout Term, at now: Timestamp) {
    for session in batch.progressed {
      if let view = term.core.session(session) {
        term.rates.note(view, at: now)
      } else {
        term.rates.forget(session)
      }
    }
    for record in batch.records where record.fact == .sessionSettled {
      term.rates.forget(record.session)
    }
  }

  private func release(_ batch: Batch, _ term: Term, at now: Timestamp) {
    for reply in batch.replies {
      batch.answers[reply.token]?(reply.result.mapError { RPCError($0) })
    }
    guard !batch.reads.isEmpty else { return }
    let view = LoopView(core: term.core, rates: term.rates, now: now)
    for read in batch.reads { read(.success(view)) }
  }

  private func publish(_ batch: Batch, _ term: Term) {
    hub.publish(batch.records)
    for session in batch.progressed where hub.isWatched(session) {
      guard let view = term.core.session(session) else { continue }
      hub.publish(SessionReading(view: view, rates: term.rates.rates(of: session)))
    }
  }

  /// Ledgers of settled sessions that the core asked for: a session's log is bounded, so it is read whole.
  private func lookUp(_ sessions: [SessionID]) async throws {
    for session in sessions {
      let records = try await StoredSessions(store: store).records(of: session)
      mailbox.postAlways(.sessionLookedUp(session, records))
    }
  }
}

/// What a batch of letters has led to.
private struct Batch {
  var jobs: [StoreTransaction.JobChange] = []
  var records: [SessionRecord] = []
  var replies: [Reply] = []
  var messages: [WorkerMessage] = []
  var progressed: [SessionID] = []
  var lookups: [SessionID] = []
  var nextDeadline: Timestamp?
  var hasStepped = false
  var answers: [ReplyToken: @Sendable (Result<Answer, RPCError>) -> Void] = [:]
  var reads: [@Sendable (Result<LoopView, RPCError>) -> Void] = []

  mutating func add(_ effects: Effects) {
    hasStepped = true
    jobs += effects.jobs.map { change in
      switch change {
      case .put(let job): .put(job)
      case .delete(let id): .delete(id)
      }
    }
    records += effects.records
    replies += effects.replies
    messages += effects.messages
    for session in effects.progressed where !progressed.contains(session) {
      progressed.append(session)
    }
    lookups += effects.lookups
    nextDeadline = effects.nextDeadline
  }

  func fail(_ error: RPCError) {
    for answer in answers.values { answer(.failure(error)) }
    for read in reads { read(.failure(error)) }
  }
}
