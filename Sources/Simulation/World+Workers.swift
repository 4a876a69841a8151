internal import BackupModel
internal import CoordinatorCore
internal import WorkerCore

/// One worker's process, and what the world does to it.
struct WorkerProcess {
  let id: WorkerID
  let host: HostID
  let slots: Int
  var isRunning = false
  var isRetired = false
  var incarnation = 0
  var machine: WorkerStateMachine
  /// The connection that it believes to have.
  var connection: Int?
  var isRegistered = false
  var lastHeard = World.start
  var timer: Timestamp?
  /// It stands still until then.
  var stalledUntil: Timestamp?
  var isPartitioned = false
  var operations: [Operation] = []
  var nextOperation = 0

  init(_ worker: Scenario.Worker) {
    id = worker.id
    host = worker.host
    slots = worker.slots
    machine = WorkerStateMachine(slots: worker.slots)
  }
}

extension World {
  func isAlive(_ worker: Int, _ incarnation: Int) -> Bool {
    workers[worker].isRunning && workers[worker].incarnation == incarnation
  }

  /// Puts off what happens to a worker that stands still; the order stays.
  func deferred(_ happening: Happening, _ worker: Int) -> Bool {
    guard let until = workers[worker].stalledUntil, until > now else { return false }
    queue.put(happening, at: until)
    return true
  }

  func handleAtWorker(_ happening: Happening) {
    switch happening {
    case .workerStarts(let worker): startWorker(worker)
    case .workerConnects(let worker, let incarnation):
      guard isAlive(worker, incarnation), !deferred(happening, worker) else { return }
      connect(worker)
    case .workerTimer(let worker, let incarnation):
      guard isAlive(worker, incarnation), !deferred(happening, worker) else { return }
      workers[worker].timer = nil
      tellWorker(worker, .timePassed)
    case .heartbeat(let worker, let incarnation):
      guard isAlive(worker, incarnation), !deferred(happening, worker) else { return }
      beat(worker)
    case .transferTick(let worker, let incarnation, let operation):
      guard isAlive(worker, incarnation), !deferred(happening, worker) else { return }
      tick(worker, operation)
    case .operationEnds(let worker, let incarnation, let operation, let version):
      guard isAlive(worker, incarnation), !deferred(happening, worker) else { return }
      endOperation(worker, operation, version)
    default: preconditionFailure("not a worker's event")
    }
  }

  private func startWorker(_ index: Int) {
    guard !workers[index].isRunning, !workers[index].isRetired else { return }
    workers[index].isRunning = true
    workers[index].incarnation += 1
    workers[index].machine = WorkerStateMachine(slots: workers[index].slots)
    workers[index].connection = nil
    workers[index].isRegistered = false
    workers[index].timer = nil
    workers[index].stalledUntil = nil
    workers[index].operations = []
    say("\(workers[index].id) starts, incarnation \(workers[index].incarnation)")
    let incarnation = workers[index].incarnation
    put(.workerConnects(index, incarnation: incarnation), in: .milliseconds(1))
    put(.heartbeat(index, incarnation: incarnation), in: .seconds(10))
  }

  /// What was begun may yet have had its effect, or not.
  func crashWorker(_ index: Int, _ reason: String, restartsIn delay: ClosedRange<Int>) {
    guard workers[index].isRunning else { return }
    say("\(workers[index].id) ends: \(reason)")
    seeCrashBeforeConfirmation()
    for operation in workers[index].operations where random.chance(0.5) {
      _ = takeEffect(of: operation, at: index)
    }
    workers[index].isRunning = false
    workers[index].operations = []
    if let connection = workers[index].connection {
      breakConnection(connection, tellsWorker: false, tellsCoordinator: random.chance(0.8))
    }
    put(.workerStarts(index), in: random.milliseconds(delay))
  }

  private func connect(_ index: Int) {
    guard workers[index].connection == nil else { return }
    let incarnation = workers[index].incarnation
    guard coordinator.core != nil, !workers[index].isPartitioned else {
      put(.workerConnects(index, incarnation: incarnation), in: random.milliseconds(500...3_000))
      return
    }
    let id = connections.count
    connections.append(
      Connection(worker: index, incarnation: incarnation, term: coordinator.term))
    workers[index].connection = id
    workers[index].isRegistered = false
    workers[index].lastHeard = now
    let worker = workers[index]
    sendUp(
      .register(
        WorkerRegistration(
          worker: worker.id, incarnation: "\(incarnation)", host: worker.host,
          slots: worker.slots, hypervisors: [Scenario.hypervisor],
          leftovers: hypervisor.list(on: worker.host))), on: id)
  }

  func workerLosesConnection(_ id: Int) {
    let index = connections[id].worker
    guard isAlive(index, connections[id].incarnation), workers[index].connection == id else {
      return
    }
    connections[id].isBroken = true
    workers[index].connection = nil
    workers[index].isRegistered = false
    put(
      .workerConnects(index, incarnation: workers[index].incarnation),
      in: random.milliseconds(100...2_000))
  }

  private func beat(_ index: Int) {
    put(.heartbeat(index, incarnation: workers[index].incarnation), in: .seconds(10))
    guard let connection = workers[index].connection else { return }
    if workers[index].lastHeard.advanced(by: .seconds(25)) < now {
      workerLosesConnection(connection)
    } else {
      report(index)
    }
  }

  private func report(_ index: Int) {
    guard let connection = workers[index].connection, workers[index].isRegistered else { return }
    sendUp(.report(workers[index].machine.takeReport()), on: connection)
  }

  func arriveAtWorker(_ happening: Happening) {
    guard case .reachesWorker(let id, let content) = happening else { return }
    let index = connections[id].worker
    guard !connections[id].isBroken, isAlive(index, connections[id].incarnation),
      workers[index].connection == id
    else { return }
    workers[index].lastHeard = now
    switch content {
    case .registered:
      workers[index].isRegistered = true
      report(index)
    case .leaseRenewed(let until): tellWorker(index, .leaseGranted(until: until))
    case .directive(let directive):
      if isTracing { say("\(workers[index].id) is told \(brief(directive))") }
      tellWorker(index, .directive(directive))
    case .disconnect: break
    }
  }

  func tellWorker(_ index: Int, _ event: WorkerStateMachine.Event) {
    let effects = workers[index].machine.handle(event, at: now)
    for step in effects.steps { begin(step.step, of: step.specification, at: index) }
    for duty in effects.duties { begin(duty, at: index) }
    if effects.isReportDue { report(index) }
    setTimer(of: index)
    if workers[index].machine.isFinished {
      crashWorker(index, "it was terminated", restartsIn: 500...8_000)
    } else if strikes(.workerCrash) && random.chance(0.0005) {
      crashWorker(index, "it crashed at a step", restartsIn: 200...60_000)
    }
  }

  private func setTimer(of index: Int) {
    guard let deadline = workers[index].machine.deadline,
      workers[index].timer.map({ deadline < $0 }) ?? true
    else { return }
    workers[index].timer = deadline
    queue.put(
      .workerTimer(index, incarnation: workers[index].incarnation), at: max(now, deadline))
  }
}
