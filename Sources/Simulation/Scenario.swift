internal import BackupModel
internal import CoordinatorCore

/// What is there, and what people do, in one run: a function of the seed.
struct Scenario {
  struct Worker {
    let id: WorkerID
    let host: HostID
    let slots: Int
  }

  enum Action {
    case start(JobID)
    case stop(JobID, StopMode, deadline: Duration?)
    /// Stops the session that the job began last, whether or not it runs.
    case stopLastSession(JobID, StopMode)
    /// Turns the job's order round.
    case reorder(JobID)
  }

  struct Deed {
    let time: Duration
    let action: Action
    /// How many clients send it, at about the same time.
    let copies: Int
  }

  static let hypervisor = "disk-images"
  static let repository = RepositoryID(rawValue: "main")

  var workers: [Worker] = []
  var jobs: [JobDraft] = []
  var deeds: [Deed] = []
  /// Up to here faults strike and people act; then everything heals.
  var horizon: Duration

  init(seed: UInt64, horizon given: Duration?) {
    var random = Random(seed: seed, purpose: 2)
    horizon = .seconds(random.int(40...400))
    let hosts = (1...random.int(1...2)).map { HostID(rawValue: "host\($0)") }
    for number in 1...random.int(1...3) {
      workers.append(
        Worker(
          id: WorkerID(rawValue: "w\(number)"), host: hosts[(number - 1) % hosts.count],
          slots: random.int(1...3)))
    }
    let servedHosts = hosts.filter { host in workers.contains { $0.host == host } }
    for number in 1...random.int(1...2) {
      let draft = Self.job(number, hosts: servedHosts, &random)
      jobs.append(draft)
      deeds += Self.deeds(for: draft.id, horizon, &random)
    }
    deeds.sort { $0.time < $1.time }
    if let given {
      horizon = min(horizon, given)
      deeds.removeAll { $0.time > horizon }
    }
  }

  private static func job(_ number: Int, hosts: [HostID], _ random: inout Random) -> JobDraft {
    let id = JobID(rawValue: "job\(number)")
    let isRestore = random.chance(0.15)
    let count = isRestore ? 1 : random.int(1...6)
    let isPinned = random.chance(0.3)
    let objects = (1...count).map { ordinal in
      JobObject(
        virtualMachine: VirtualMachineID(rawValue: "vm\(number)-\(ordinal)"),
        hypervisor: hypervisor, host: isPinned ? random.pick(hosts) : nil)
    }
    let older = RestorePointID(
      task: TaskID(session: SessionID(rawValue: "older"), ordinal: number))
    let settings = JobSettings(
      repository: repository, parallelism: random.int(1...4),
      order: random.chance(0.25) ? .bestEffort : .strict, maxAttempts: random.int(1...4),
      restore: isRestore
        ? RestoreSettings(
          restorePoint: older, targetDirectory: "/restored/\(number)", format: .raw) : nil)
    return JobDraft(
      id: id, type: isRestore ? .restore : .vmBackup, objects: objects, settings: settings)
  }

  private static func deeds(
    for job: JobID, _ horizon: Duration, _ random: inout Random
  ) -> [Deed] {
    var deeds: [Deed] = []
    let end = Int(horizon / .milliseconds(1))
    func add(_ action: Action, at time: Int, _ random: inout Random) {
      deeds.append(
        Deed(
          time: .milliseconds(time), action: action,
          copies: random.chance(0.15) ? random.int(2...3) : 1))
    }
    var time = random.int(0...3_000)
    while time < end, deeds.count < 12 {
      add(.start(job), at: time, &random)
      var stop = time
      for _ in 0..<[0, 1, 1, 1, 2, 3][random.int(0...5)] {
        // Many stops within the first moments, others anywhere.
        stop += random.chance(0.3) ? random.int(0...800) : random.int(0...60_000)
        let mode: StopMode = random.chance(0.5) ? .immediate : .graceful
        let deadline: Duration? =
          mode == .graceful && random.chance(0.3)
          ? random.milliseconds(100...40_000) : nil
        let isByName = random.chance(0.3)
        add(
          isByName ? .stopLastSession(job, mode) : .stop(job, mode, deadline: deadline),
          at: stop, &random)
      }
      if random.chance(0.2) { add(.reorder(job), at: stop + random.int(0...5_000), &random) }
      time = max(time, stop) + random.int(1_000...150_000)
    }
    return deeds
  }
}
