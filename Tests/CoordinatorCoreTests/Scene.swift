import BackupModel

@testable import CoordinatorCore

/// A coordinator with workers that obey it, on a clock that a test turns.
///
/// A worker does everything at once, except what `holds` tells it to wait with.
struct Scene {
  var core: CoordinatorStateMachine
  var now = Timestamp(nanosecondsSinceEpoch: 1_795_370_400_000_000_000)
  /// Every record of every session, as a store would hold them.
  private(set) var log: [SessionID: [SessionRecord]] = [:]
  private(set) var sessionOrder: [SessionID] = []
  private(set) var jobs: [JobID: Job] = [:]
  private(set) var effects = Effects()
  private(set) var workers: [WorkerID: ScriptedWorker] = [:]
  private var connections: UInt64 = 0
  private var tokens: UInt64 = 0
  private(set) var epoch = 1
  let configuration: Configuration
  /// Committed attempts that a worker was told to throw away: always empty.
  private(set) var lostCommits: [AttemptID] = []
  /// Published restore points, as a repository would list them.
  private(set) var published: [TaskID: Int] = [:]

  static let operatorOfTests = Requester(
    principal: "alice", peer: "unix:", reason: "maintenance", requestID: "")

  init(configuration: Configuration = Scene.configuration) throws {
    self.configuration = configuration
    core = try CoordinatorStateMachine(
      configuration: configuration, epoch: 1, jobs: [], sessions: [])
    send(.resumed)
  }

  static var configuration: Configuration {
    Configuration(repositories: [RepositoryID(rawValue: "main"): "/repositories/main"])
  }

  // MARK: events

  @discardableResult
  mutating func send(_ event: Event) -> Effects {
    let effects = core.handle(event, at: now)
    self.effects = effects
    for change in effects.jobs {
      switch change {
      case .put(let job): jobs[job.id] = job
      case .delete(let id): jobs[id] = nil
      }
    }
    for record in effects.records {
      if record.sequence == 1 { sessionOrder.append(record.session) }
      log[record.session, default: []].append(record)
    }
    for message in effects.messages {
      guard workers[message.worker]?.connection == message.connection,
        case .directive(let directive) = message.content
      else { continue }
      noteLoss(directive)
      workers[message.worker]?.take(directive, published: &published)
    }
    return effects
  }

  /// A restore point that is committed and not published has no other copy than its attempt's staging.
  private mutating func noteLoss(_ directive: Directive) {
    let attempt: AttemptID
    switch directive {
    case .cancel(let id), .abandon(let id): attempt = id
    case .perform(.discardStaging(let task)): attempt = task.attempt
    case .assign, .proceed, .commit, .release, .perform: return
    }
    guard let records = log[attempt.task.session], let history = try? SessionHistory(records),
      let commit = history.task(attempt.task.ordinal)?.commit, commit.attempt == attempt.number,
      commit.isOwed
    else { return }
    lostCommits.append(attempt)
  }

  @discardableResult
  mutating func ask(_ request: Request) -> Result<Answer, Refusal>? {
    tokens += 1
    let token = ReplyToken(rawValue: tokens)
    return send(.request(request, token)).replies.first { $0.token == token }?.result
  }

  mutating func pass(_ duration: Duration) {
    now = now.advanced(by: duration)
    send(.timePassed)
  }

  // MARK: workers

  mutating func attach(
    _ name: String, host: String = "host-1", slots: Int = 1, incarnation: String = "a",
    drivers: [String] = ["disk-images"], leftovers: [CheckpointRecord] = []
  ) {
    connections += 1
    let id = WorkerID(rawValue: name)
    let connection = ConnectionID(rawValue: connections)
    if workers[id]?.incarnation != incarnation {
      workers[id] = ScriptedWorker(incarnation: incarnation)
    }
    workers[id]?.connection = connection
    send(
      .workerAttached(
        connection,
        WorkerRegistration(
          worker: id, incarnation: incarnation, host: HostID(rawValue: host), slots: slots,
          hypervisors: drivers, leftovers: leftovers)))
  }

  mutating func change(_ name: String, _ body: (inout ScriptedWorker) -> Void) {
    let id = WorkerID(rawValue: name)
    guard var worker = workers[id] else { return }
    body(&worker)
    workers[id] = worker
  }

  @discardableResult
  mutating func report(_ name: String) -> Effects {
    let id = WorkerID(rawValue: name)
    guard let worker = workers[id], let connection = worker.connection else { return Effects() }
    workers[id]?.duties = []
    return send(.workerReported(id, connection, worker.report))
  }

  mutating func detach(_ name: String) {
    let id = WorkerID(rawValue: name)
    guard let connection = workers[id]?.connection else { return }
    workers[id]?.connection = nil
    send(.workerDetached(id, connection))
  }

  /// All connected workers report, again and again, until nothing changes any more.
  mutating func settle() {
    for _ in 0..<200 {
      let before = (log, workers)
      for id in workers.keys.sorted() { report(id.rawValue) }
      if before.0 == log && before.1 == workers { return }
    }
  }

  /// The coordinator dies and a new one begins with what is stored.
  mutating func restart() throws {
    epoch += 1
    for id in workers.keys { workers[id]?.connection = nil }
    core = try CoordinatorStateMachine(
      configuration: configuration, epoch: epoch, jobs: jobs.values.sorted { $0.id < $1.id },
      sessions: unsettledLogs)
    send(.resumed)
  }

  var unsettledLogs: [[SessionRecord]] {
    sessionOrder.compactMap { log[$0] }.filter { $0.last?.fact != .sessionSettled }
  }

  // MARK: jobs

  static func job(
    _ name: String = "nightly", type: JobType = .vmBackup, vms: Int = 6, parallelism: Int = 1,
    order: StartOrder = .strict, maxAttempts: Int = 3, host: String? = nil
  ) -> JobDraft {
    let restore =
      type == .restore
      ? RestoreSettings(
        restorePoint: RestorePointID(
          task: TaskID(session: SessionID(rawValue: "older"), ordinal: 1)),
        targetDirectory: "/restored", format: .raw) : nil
    return JobDraft(
      id: JobID(rawValue: name), type: type,
      objects: (1...vms).map {
        JobObject(
          virtualMachine: VirtualMachineID(rawValue: "vm\($0)"), hypervisor: "disk-images",
          host: host.map(HostID.init(rawValue:)))
      },
      settings: JobSettings(
        repository: RepositoryID(rawValue: "main"), parallelism: parallelism, order: order,
        maxAttempts: maxAttempts, restore: restore))
  }

  /// Creates a job and starts its session `s1`.
  @discardableResult
  mutating func start(_ draft: JobDraft = Scene.job(), as session: String = "s1") -> SessionID {
    ask(.createJob(draft, requestID: ""))
    let id = SessionID(rawValue: session)
    ask(.startJob(draft.id, session: id, Self.operatorOfTests))
    return id
  }

  static let session = SessionID(rawValue: "s1")

  @discardableResult
  mutating func stop(
    _ mode: StopMode, deadline: StopDeadline? = nil, by principal: String = "alice",
    requestID: String = "", ifSequence: Int? = nil
  ) -> Result<Answer, Refusal>? {
    let requester = Requester(
      principal: principal, peer: "unix:", reason: "maintenance", requestID: requestID)
    return ask(
      .stopSession(
        Self.session,
        StopOrder(
          mode: mode, requester: requester, deadline: deadline, ifSequence: ifSequence)))
  }

  // MARK: what came of it

  var records: [SessionRecord] { log[Self.session] ?? [] }
  var facts: [SessionRecord.Fact] { records.map(\.fact) }

  /// The session as anyone can fold it from the stored records.
  var history: SessionHistory {
    get throws { try SessionHistory(records) }
  }

  func states() throws -> [TaskState] { try history.tasks.map(\.state) }

  /// The VMs that have a new restore point, by ordinal.
  var restorePoints: [Int] {
    published.keys.filter { $0.session == Self.session }.map(\.ordinal).sorted()
  }

  /// The session's log as people read it.
  func lines() throws -> [LogLine] {
    guard let first = records.first else { return [] }
    var history = try SessionHistory(first: first)
    var lines = history.lines(of: first)
    for record in records.dropFirst() {
      try history.apply(record)
      lines += history.lines(of: record)
    }
    return lines
  }

  func outcome(_ result: Result<Answer, Refusal>?) -> StopOutcome? {
    guard case .success(.stop(let outcome, _)) = result else { return nil }
    return outcome
  }

  func refusal<Success>(_ result: Result<Success, Refusal>?) -> Refusal? {
    guard case .failure(let refusal) = result else { return nil }
    return refusal
  }
}
