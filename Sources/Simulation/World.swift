internal import BackupModel
internal import CoordinatorCore

/// Everything there is in one run: processes, network, store, hypervisors, repository, people; and the oracle that
/// watches what is durable or real.
///
/// One heap of events, one clock, no `await`, no iteration in hash order: a seed is a run.
final class World {
  indirect enum Happening {
    // Coordinator
    case coordinatorStarts
    case coordinatorWakes(term: Int)
    case coordinatorTimer(term: Int)
    case storeAnswers(term: Int)
    // Workers
    case workerStarts(Int)
    case workerConnects(Int, incarnation: Int)
    case workerTimer(Int, incarnation: Int)
    case heartbeat(Int, incarnation: Int)
    case transferTick(Int, incarnation: Int, operation: Int)
    case operationEnds(Int, incarnation: Int, operation: Int, version: Int)
    // Network
    case reachesCoordinator(connection: Int, Uplink)
    case reachesWorker(connection: Int, WorkerMessage.Content)
    case workerIsTold(connection: Int)
    case coordinatorIsTold(connection: Int)
    // People
    case deed(Int)
    case clientSends(call: Int)
    case requestArrives(call: Int)
    case clientHears(call: Int, Reply)
    case watcherConnects(Int)
    case watchArrives(Int, generation: Int)
    case watcherHears(Int, generation: Int, [SessionRecord])
    // The run
    case strikes(Fault)
    case heals
  }

  enum Uplink {
    case register(WorkerRegistration)
    case report(WorkerReport)
  }

  let seed: UInt64
  let scenario: Scenario
  let faults: FaultPlan
  var random: Random
  var queue = EventQueue<Happening>()
  var now = World.start
  var steps = 0
  var isHealed = false
  var healed = World.start

  var store = ModelStore()
  var hypervisor = ModelHypervisor()
  var repository = ModelRepository()
  var coordinator = CoordinatorProcess()
  var workers: [WorkerProcess] = []
  var connections: [Connection] = []
  var calls: [ClientCall] = []
  var watchers: [Watcher] = []

  /// By the order in which they began.
  var oracles: [SessionOracle] = []
  /// What was in the repository before the run.
  var olderResults: [ModelRepository.Name: ModelRepository.Result] = [:]
  var progressSeen: [AttemptID: TaskProgress] = [:]
  var violations: [Violation] = []
  var sightings: Set<Sighting> = []
  var trace: [String] = []
  let isTracing: Bool
  /// A hash of every happening: equal seeds must give equal ones.
  var digest: UInt64 = 0xCBF2_9CE4_8422_2325

  /// 2026-01-01T00:00:00Z.
  static let start = Timestamp(nanosecondsSinceEpoch: 1_767_225_600_000_000_000)
  static let maxSteps = 100_000

  init(seed: UInt64, disabled: Set<Fault>, horizon: Duration?, isTracing: Bool) {
    self.seed = seed
    self.isTracing = isTracing
    scenario = Scenario(seed: seed, horizon: horizon)
    faults = FaultPlan(seed: seed, disabled: disabled)
    random = Random(seed: seed, purpose: 3)
  }

  func run() {
    prepare()
    let last = World.start.advanced(by: scenario.horizon + Bounds.afterHealing)
    while violations.isEmpty, let (time, happening) = queue.take() {
      now = time
      steps += 1
      note(happening)
      if now > last || steps > World.maxSteps { break }
      handle(happening)
      if isHealed && steps % 16 == 0 && isQuiet { break }
    }
    if violations.isEmpty { checkAtTheEnd() }
  }

  private func prepare() {
    for job in scenario.jobs {
      store.change([
        .put(
          Job(
            id: job.id, type: job.type, objects: job.objects, settings: job.settings,
            created: now, updated: now))
      ])
    }
    for (index, worker) in scenario.workers.enumerated() {
      workers.append(WorkerProcess(worker))
      put(.workerStarts(index), in: random.milliseconds(0...2_000))
    }
    let older = RestorePointID(task: TaskID(session: SessionID(rawValue: "older"), ordinal: 1))
    let attempt = AttemptID(task: older.task, number: 1)
    _ = repository.open(attempt)
    repository.complete(attempt)
    _ = repository.seal(attempt)
    _ = repository.publish(attempt, as: .point(older))
    olderResults = repository.results
    put(.coordinatorStarts, in: random.milliseconds(0...500))
    for index in scenario.deeds.indices { put(.deed(index), in: scenario.deeds[index].time) }
    for fault in FaultPlan.spontaneous where faults[fault] > 0 { schedule(fault) }
    put(.heals, in: scenario.horizon)
  }

  func put(_ happening: Happening, in delay: Duration) {
    queue.put(happening, at: now.advanced(by: delay))
  }

  /// A fault that is off after healing.
  func strikes(_ fault: Fault) -> Bool { !isHealed && random.chance(faults[fault]) }

  func schedule(_ fault: Fault) {
    let mean = faults[fault]
    put(.strikes(fault), in: .milliseconds(Int(mean * 2_000 * random.unit()) + 1))
  }

  func fail(_ law: String, _ detail: @autoclosure () -> String) {
    violations.append(Violation(law: law, detail: detail()))
    say("VIOLATED \(law): \(detail())")
  }

  func see(_ sighting: Sighting) {
    if sightings.insert(sighting).inserted { say("SEEN \(sighting)") }
  }

  func say(_ text: @autoclosure () -> String) {
    guard isTracing else { return }
    let milliseconds = Int(now.duration(since: World.start) / .milliseconds(1))
    trace.append("\(milliseconds) ms  \(text())")
  }

  private func note(_ happening: Happening) {
    digest = (digest ^ UInt64(bitPattern: now.nanosecondsSinceEpoch)) &* 0x100_0000_01B3
    digest = (digest ^ random.peek) &* 0x100_0000_01B3
  }

  private func handle(_ happening: Happening) {
    switch happening {
    case .coordinatorStarts: startCoordinator()
    case .coordinatorWakes(let term): if isCurrent(term) { runBatch() }
    case .coordinatorTimer(let term): if isCurrent(term) { coordinatorTimerFires() }
    case .storeAnswers(let term): if isCurrent(term) { finishBatch() }
    case .workerStarts, .workerConnects, .workerTimer, .heartbeat, .transferTick, .operationEnds:
      handleAtWorker(happening)
    case .reachesCoordinator(let connection, let message):
      arriveAtCoordinator(message, on: connection)
    case .reachesWorker(let connection, _):
      if !deferred(happening, connections[connection].worker) { arriveAtWorker(happening) }
    case .workerIsTold(let connection):
      if !deferred(happening, connections[connection].worker) { workerLosesConnection(connection) }
    case .coordinatorIsTold(let connection): coordinatorLosesConnection(connection)
    case .deed(let index): act(scenario.deeds[index])
    case .clientSends(let call): send(call)
    case .requestArrives(let call): arrive(call)
    case .clientHears(let call, let reply): hear(reply, for: call)
    case .watcherConnects(let watcher): connectWatcher(watcher)
    case .watchArrives(let watcher, let generation): subscribe(watcher, generation)
    case .watcherHears(let watcher, let generation, let records):
      watcherHears(watcher, generation, records)
    case .strikes(let fault): strike(fault)
    case .heals: heal()
    }
  }

  /// Faults end, what is down comes up, and from now on everything has to settle.
  private func heal() {
    say("HEAL")
    isHealed = true
    healed = now
    for index in workers.indices {
      workers[index].isPartitioned = false
      if let until = workers[index].stalledUntil { workers[index].stalledUntil = min(until, now) }
    }
  }
}

/// How long things may take before a liveness law counts as broken.
enum Bounds {
  /// Slow tries to clean up come every 15 minutes.
  static let afterHealing: Duration = .seconds(4 * 3600)
  /// An immediate stop: 10 s to unwind, 60 s for checkpoints, 60 s for staged data, and the store's slowness.
  static let immediateStop: Duration = .seconds(150)
}
