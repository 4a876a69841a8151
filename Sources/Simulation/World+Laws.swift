internal import BackupModel
internal import CoordinatorCore

// The laws that look at what is real, or at what people were told. Each is checked at the moment at which only it
// can be broken.
extension World {
  /// Takes one durable record: the laws first, as they stand before it.
  func observe(_ record: SessionRecord) {
    if case .sessionStarted(let job, _) = record.fact {
      oracles.append(SessionOracle(record, job: job))
    }
    guard let index = oracles.lastIndex(where: { $0.id == record.session }) else { return }
    for law in RecordLaws.all {
      if let detail = law.holds(record, oracles[index]) {
        fail(law.name, "\(record.session) #\(record.sequence): \(detail)")
      }
    }
    gracefulStopEscalatesAtItsDeadline(record, oracles[index])
    acknowledgedCommitSurvives(record, oracles[index])
    seeInRecord(record, oracles[index])
    oracles[index].apply(record)
    if case .sessionStopped = record.fact { everyStopEndsWithinItsBounds(oracles[index]) }
  }

  func oracle(_ session: SessionID) -> SessionOracle? { oracles.last { $0.id == session } }

  /// The intent is durable before the checkpoint exists; one struck off is made again by zombies only.
  func everyLiveCheckpointIsInTheLedger(_ record: CheckpointRecord) {
    let attempt = record.name.attempt
    guard let oracle = oracle(attempt.task.session), let state = oracle.ledger[record.name] else {
      return fail("everyLiveCheckpointIsInTheLedger", "\(record.name) has no durable intent")
    }
    if state == .removed && oracle.tasks[attempt.task.ordinal - 1].current == attempt.number {
      fail("everyLiveCheckpointIsInTheLedger", "\(record.name) is made, and struck off")
    }
  }

  /// R8: a checkpoint in use can't be removed.
  func transferIsCutBeforeItsCheckpointIsRemoved(_ task: TaskSpecification, at worker: Int) {
    for operation in workers[worker].operations {
      guard case .step(.transfer, let other) = operation.work, other.attempt == task.attempt
      else { continue }
      fail("transferIsCutBeforeItsCheckpointIsRemoved", "\(task.attempt)")
    }
  }

  /// The first half of listedIffCommittedAndPublished, and restorePointRestores: what is listed was committed, under
  /// this digest, and is whole.
  func listedOnlyIfCommitted(_ attempt: AttemptID, _ commitment: Commitment) {
    let task = attempt.task
    guard let state = oracle(task.session)?.tasks[task.ordinal - 1],
      state.committedAttempt == attempt.number, state.commitment == commitment
    else {
      return fail("listedIffCommittedAndPublished", "\(attempt) is listed, and not committed")
    }
    guard let result = repository.results[commitment.name] else { return }
    if !result.isComplete { fail("restorePointRestores", "\(attempt) is listed in part") }
    if case .restorePoint(let summary) = commitment, summary.manifestDigest != result.digest {
      fail("restorePointRestores", "\(attempt) is listed with another digest")
    }
  }

  /// A commit is given up only if what is there can never let it be published: another result under its name.
  private func acknowledgedCommitSurvives(_ record: SessionRecord, _ oracle: SessionOracle) {
    guard case .publicationFailed(let task, let number, _) = record.fact else { return }
    see(.commitThatCanNeverBePublished)
    let attempt = AttemptID(task: TaskID(session: oracle.id, ordinal: task), number: number)
    let name = oracle.tasks[task - 1].commitment?.name
    let holder = name.flatMap { repository.results[$0]?.attempt }
    if holder == nil || holder == attempt {
      fail("acknowledgedFactsSurvive", "the commit of \(attempt) is given up without need")
    }
  }

  /// Nothing is told that a crash could undo.
  func acknowledgedFactsSurvive(_ reply: Reply) {
    guard case .success(let answer) = reply.result else { return }
    func isDurable(_ view: SessionView) -> Bool {
      view.sequence <= store.records(of: view.id).count
    }
    switch answer {
    case .started(let view):
      if !isDurable(view) { fail("acknowledgedFactsSurvive", "start of \(view.id)") }
    case .stop(let outcome, let view):
      let oracle = oracle(view.id)
      let stands =
        switch outcome {
        case .accepted, .repeated, .deadlineTightened, .laterDeadlineIgnored:
          oracle?.hasStop ?? false
        case .escalated: oracle?.immediateStop != nil
        case .alreadyStopped: oracle?.result != nil
        }
      if !isDurable(view) || !stands {
        fail("acknowledgedFactsSurvive", "stop of \(view.id) answered \(outcome)")
      }
    case .job(let job):
      if !store.jobs.contains(where: { $0.id == job.id && $0.revision >= job.revision }) {
        fail("acknowledgedFactsSurvive", "job \(job.id) revision \(job.revision)")
      }
    case .jobDeleted, .notRunning: break
    }
  }

  /// R13, as the client sees it.
  func unsupportedGracefulIsRefused(_ reply: Reply, to request: Request) {
    guard case .success(.stop(let outcome, let view)) = reply.result, outcome != .alreadyStopped,
      let type = oracle(view.id)?.job.type, type == .restore
    else { return }
    let mode: StopMode? =
      switch request {
      case .stopJob(_, let order, _), .stopSession(_, let order): order.mode
      case .createJob, .updateJob, .deleteJob, .startJob: nil
      }
    if mode == .graceful {
      fail("unsupportedGracefulChangesNothing", "\(view.id) answered \(outcome)")
    }
  }

  func progressNeverGoesBack(_ view: SessionView) {
    for task in view.tasks where task.state == .processing {
      let attempt = AttemptID(task: task.history.id, number: task.history.lastAttempt)
      let seen = progressSeen[attempt] ?? TaskProgress()
      let new = task.progress
      if new.processedBytes < seen.processedBytes || new.readBytes < seen.readBytes
        || new.storedBytes < seen.storedBytes
      {
        fail("progressNeverGoesBack", "\(attempt) from \(seen) to \(new)")
      }
      progressSeen[attempt] = new
    }
  }

  /// Within a term, what clients are shown of an attempt only grows.
  func checkProgress(_ sessions: [SessionID]) {
    for session in sessions {
      if let view = coordinator.core?.session(session) { progressNeverGoesBack(view) }
    }
  }

  func watchersSeeEveryTransitionOnceInOrder(_ index: Int, _ records: [SessionRecord]) {
    let durable = store.records(of: watchers[index].session)
    for record in records {
      guard record.sequence == watchers[index].sequence + 1, record.sequence <= durable.count,
        durable[record.sequence - 1] == record
      else {
        return fail(
          "watchersSeeEveryTransitionOnceInOrder",
          "\(record.session) #\(record.sequence) after #\(watchers[index].sequence)")
      }
      watchers[index].sequence = record.sequence
      if case .sessionStopped = record.fact { watchers[index].isTold = true }
    }
  }

  /// Nothing but the escalation happens after the deadline; the store may be slow to write it.
  func gracefulStopEscalatesAtItsDeadline(_ record: SessionRecord, _ oracle: SessionOracle) {
    guard let deadline = oracle.deadline, oracle.gracefulStop != nil, oracle.immediateStop == nil,
      oracle.result == nil
    else { return }
    if case .stopEscalated = record.fact { return }
    if record.time > max(deadline, coordinator.began).advanced(by: .seconds(5)) {
      fail("everyStopEndsWithinItsBounds", "\(oracle.id) goes on after its deadline \(deadline)")
    }
  }

  /// A stop can't hang, whatever workers do: from the stop, or from the restart that gives the waits anew.
  func everyStopEndsWithinItsBounds(_ oracle: SessionOracle) {
    guard let since = oracle.immediateTime else { return }
    let took = now.duration(since: max(since, coordinator.began))
    if took > Bounds.immediateStop {
      fail("everyStopEndsWithinItsBounds", "\(oracle.id) took \(took)")
    }
  }
}
