internal import BackupModel
internal import WorkerCore

/// A step or duty that a worker's shell has begun.
struct Operation {
  enum Work {
    case step(AttemptStep, TaskSpecification)
    case duty(Duty)
  }

  let id: Int
  let work: Work
  /// Raised when its end is moved.
  var version = 0
  /// A transfer that is to end early.
  var isCut = false
  /// Quarters of a transfer that are done.
  var ticks = 0
  var failure: StepFailure?
}

extension World {
  func begin(_ step: AttemptStep, of task: TaskSpecification, at worker: Int) {
    if isTracing { say("\(workers[worker].id) begins \(brief(step)) of \(task.attempt)") }
    if case .cutTransfer = step { return cutTransfer(of: task.attempt, at: worker) }
    if case .removeCheckpoint = step { transferIsCutBeforeItsCheckpointIsRemoved(task, at: worker) }
    let id = add(.step(step, task), at: worker)
    let duration: Duration
    switch step {
    case .transfer:
      beginTransfer(task, id, at: worker)
      return
    case .createCheckpoint, .removeCheckpoint: duration = random.milliseconds(20...2_500)
    case .stage: duration = random.milliseconds(10...1_500)
    case .publish, .discardStaging, .verifyRemoval, .cutTransfer:
      duration = random.milliseconds(1...200)
    }
    scheduleEnd(id, at: worker, in: duration)
  }

  func begin(_ duty: Duty, at worker: Int) {
    if isTracing { say("\(workers[worker].id) begins \(brief(duty))") }
    let id = add(.duty(duty), at: worker)
    scheduleEnd(id, at: worker, in: random.milliseconds(5...3_000))
  }

  private func add(_ work: Operation.Work, at worker: Int) -> Int {
    let id = workers[worker].nextOperation
    workers[worker].nextOperation += 1
    workers[worker].operations.append(Operation(id: id, work: work))
    return id
  }

  private func scheduleEnd(_ id: Int, at worker: Int, in delay: Duration) {
    guard let operation = workers[worker].operations.first(where: { $0.id == id }) else { return }
    put(
      .operationEnds(
        worker, incarnation: workers[worker].incarnation, operation: id,
        version: operation.version), in: delay)
  }

  private func beginTransfer(_ task: TaskSpecification, _ id: Int, at worker: Int) {
    guard repository.open(task.attempt) else {
      failTransfer(id, at: worker, "the staging is fenced")
      return scheduleEnd(id, at: worker, in: .milliseconds(5))
    }
    let quarter =
      strikes(.transferIsSlow)
      ? random.milliseconds(5_000...40_000) : random.milliseconds(50...6_000)
    for tick in 1...4 {
      put(
        .transferTick(worker, incarnation: workers[worker].incarnation, operation: id),
        in: quarter * tick)
    }
  }

  private func failTransfer(_ id: Int, at worker: Int, _ message: String) {
    guard let index = workers[worker].operations.firstIndex(where: { $0.id == id }) else { return }
    workers[worker].operations[index].failure = StepFailure(message, isRetryable: true)
  }

  /// A quarter of the disks is read, out of a checkpoint that must still be there.
  func tick(_ worker: Int, _ id: Int) {
    guard let index = workers[worker].operations.firstIndex(where: { $0.id == id }),
      case .step(.transfer, let task) = workers[worker].operations[index].work,
      !workers[worker].operations[index].isCut, workers[worker].operations[index].failure == nil
    else { return }
    let name = CheckpointName(attempt: task.attempt)
    if task.type != .restore && !hypervisor.exists(name, on: workers[worker].host) {
      failTransfer(id, at: worker, "the checkpoint is gone")
      return scheduleEnd(id, at: worker, in: .milliseconds(1))
    }
    if strikes(.transferFails) {
      failTransfer(id, at: worker, "the source can't be read")
      return scheduleEnd(id, at: worker, in: .milliseconds(1))
    }
    workers[worker].operations[index].ticks += 1
    let ticks = UInt64(workers[worker].operations[index].ticks)
    tellWorker(
      worker,
      .progress(
        task.attempt,
        TaskProgress(
          totalBytes: 400, processedBytes: 100 * ticks, readBytes: 80 * ticks,
          storedBytes: 40 * ticks)))
    guard isAlive(worker, workers[worker].incarnation), ticks == 4 else { return }
    repository.complete(task.attempt)
    scheduleEnd(id, at: worker, in: .milliseconds(1))
  }

  private func cutTransfer(of attempt: AttemptID, at worker: Int) {
    for index in workers[worker].operations.indices {
      guard case .step(.transfer, let task) = workers[worker].operations[index].work,
        task.attempt == attempt
      else { continue }
      workers[worker].operations[index].isCut = true
      workers[worker].operations[index].version += 1
      scheduleEnd(
        workers[worker].operations[index].id, at: worker, in: random.milliseconds(1...900))
    }
  }

  func endOperation(_ worker: Int, _ id: Int, _ version: Int) {
    guard
      let index = workers[worker].operations.firstIndex(where: {
        $0.id == id && $0.version == version
      })
    else { return }
    let operation = workers[worker].operations.remove(at: index)
    switch operation.work {
    case .step(_, let task):
      guard let result = takeEffect(of: operation, at: worker) else { return }
      if isTracing { say("\(workers[worker].id) \(task.attempt): \(brief(result))") }
      tellWorker(worker, .stepEnded(task.attempt, result))
    case .duty(let duty):
      let failure = takeEffect(of: duty, at: worker)
      if isTracing { say("\(workers[worker].id) \(brief(duty)): \(failure?.message ?? "done")") }
      tellWorker(worker, .dutyEnded(duty, failure: failure))
    }
  }

  /// What the operation does to the world, and what it says that it did: not always the same.
  func takeEffect(of operation: Operation, at worker: Int) -> StepResult? {
    guard case .step(let step, let task) = operation.work else {
      if case .duty(let duty) = operation.work { _ = takeEffect(of: duty, at: worker) }
      return nil
    }
    let attempt = task.attempt
    switch step {
    case .createCheckpoint: return create(task, at: worker)
    case .cutTransfer: return nil
    case .transfer:
      if let failure = operation.failure { return .transferFailed(failure) }
      return operation.isCut && operation.ticks < 4 ? .transferCut : .transferred
    case .stage: return seal(task)
    case .publish(let commitment):
      if let failure = publish(attempt, commitment) { return .publishFailed(failure) }
      return .published
    case .discardStaging:
      return discard(attempt).map { .discardFailed(message: $0) } ?? .stagingDiscarded
    case .removeCheckpoint:
      let failure = remove(CheckpointName(attempt: attempt), on: workers[worker].host)
      return failure.map { .removalFailed(message: $0) } ?? .checkpointRemoved
    case .verifyRemoval:
      let failure = verify(CheckpointName(attempt: attempt), on: workers[worker].host)
      return failure.map { .removalFailed(message: $0) } ?? .removalVerified
    }
  }

  private func takeEffect(of duty: Duty, at worker: Int) -> StepFailure? {
    let failure: String?
    switch duty {
    case .removeCheckpoint(let record):
      let host = workers[worker].host
      failure = remove(record.name, on: host) ?? verify(record.name, on: host)
    case .publish(let task, let commitment): return publish(task.attempt, commitment)
    case .discardStaging(let task): failure = discard(task.attempt)
    }
    return failure.map { StepFailure($0, isRetryable: true) }
  }

  private func create(_ task: TaskSpecification, at worker: Int) -> StepResult {
    let broken = StepFailure("the VM is busy", isRetryable: true)
    if strikes(.creationFails) { return .checkpointFailed(broken) }
    let host = workers[worker].host
    let record = CheckpointRecord(
      name: CheckpointName(attempt: task.attempt), host: host,
      hypervisor: task.object.hypervisor, virtualMachine: task.object.virtualMachine)
    hypervisor.create(record, on: host)
    everyLiveCheckpointIsInTheLedger(record)
    if strikes(.creationTimesOut) { return .checkpointFailed(broken) }
    return .checkpointCreated
  }

  private func seal(_ task: TaskSpecification) -> StepResult {
    if strikes(.stagingFails) {
      return .stagingFailed(StepFailure("the repository is full", isRetryable: true))
    }
    guard let digest = repository.seal(task.attempt) else {
      return .stagingFailed(StepFailure("the staging is fenced", isRetryable: true))
    }
    if let restore = task.restore {
      let target = ModelRepository.Name.directory(restore.targetDirectory)
      if repository.results[target] != nil {
        return .stagingFailed(StepFailure("the target exists", isRetryable: false))
      }
      return .staged(.restoredDisks(targetDirectory: restore.targetDirectory, bytes: 400))
    }
    return .staged(
      .restorePoint(
        RestorePointSummary(
          id: RestorePointID(task: task.attempt.task),
          virtualMachine: task.object.virtualMachine, repository: task.repository,
          manifestDigest: digest, logicalBytes: 400, storedBytes: 160)))
  }

  private func publish(_ attempt: AttemptID, _ commitment: Commitment) -> StepFailure? {
    if strikes(.publishFails) { return StepFailure("no space left", isRetryable: true) }
    if case .directory = commitment.name, faults[.targetAppears] > 0, strikes(.targetAppears) {
      repository.occupy(commitment.name)
    }
    switch repository.publish(attempt, as: commitment.name) {
    case .done:
      listedOnlyIfCommitted(attempt, commitment)
      return nil
    case .repeated: return nil
    case .refused:
      if repository.results[commitment.name] == nil { see(.zombiesLateCommitRefused) }
      return StepFailure("the staging is gone, or the name is taken", isRetryable: false)
    }
  }

  private func discard(_ attempt: AttemptID) -> String? {
    if strikes(.discardFails) { return "the repository is read-only" }
    repository.discard(attempt)
    return nil
  }

  private func remove(_ name: CheckpointName, on host: HostID) -> String? {
    if strikes(.removalFails) { return "the VM is busy" }
    hypervisor.remove(name, on: host)
    return strikes(.removalTimesOut) ? "no answer" : nil
  }

  private func verify(_ name: CheckpointName, on host: HostID) -> String? {
    if strikes(.listingFails) { return "no list" }
    return hypervisor.exists(name, on: host) ? "it is still listed" : nil
  }
}
