import BackupModel
import WorkerLink

/// Says something on the worker link: anything that the model can hold, the same for the same seed.
struct SampleLink {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func request() -> WorkerLinkRequest {
    flip()
      ? .register(
        WorkerRegistration(
          worker: WorkerID(rawValue: "w\(number(9))"), incarnation: "i-\(number(9))", host: host(),
          slots: number(8), hypervisors: list { "driver-\($0.number(9))" },
          leftovers: list { $0.checkpoint() }))
      : .report(
        epoch: number(1_000_000),
        WorkerReport(
          attempts: list { $0.attemptReport() },
          duties: list { sample in
            let failure: String? = sample.flip() ? "no: \"é\"" : nil
            return DutyReport(
              duty: sample.duty(), failure: failure,
              isPermanent: failure != nil && sample.flip())
          }, isDraining: flip()))
  }

  mutating func response() -> WorkerLinkResponse {
    switch number(3) {
    case 1:
      .registered(
        epoch: number(99), leaseDuration: .milliseconds(number(99_999)),
        heartbeatInterval: .nanoseconds(number(99_999)))
    case 2: .renewal(epoch: number(99), leaseDuration: .seconds(number(99)))
    default: .directives(list { $0.directive() })
    }
  }

  private mutating func directive() -> Directive {
    switch number(7) {
    case 1: .assign(task())
    case 2: .proceed(attempt())
    case 3: .commit(attempt())
    case 4: .cancel(attempt())
    case 5: .abandon(attempt())
    case 6: .release(attempt())
    default: .perform(duty())
    }
  }

  private mutating func duty() -> Duty {
    switch number(3) {
    case 1: .removeCheckpoint(checkpoint())
    case 2: .publish(task(), commitment())
    default: .discardStaging(task())
    }
  }

  private mutating func task() -> TaskSpecification {
    let type = JobType.allCases[number(JobType.allCases.count) - 1]
    return TaskSpecification(
      attempt: attempt(), job: JobID(rawValue: "job-\(number(9))"), type: type,
      object: JobObject(
        virtualMachine: vm(), hypervisor: "disk-images", host: flip() ? host() : nil),
      repository: RepositoryID(rawValue: "main"), repositoryPath: "/srv/repo \(number(9))",
      sessionStarted: Timestamp(nanosecondsSinceEpoch: Int64(bitPattern: next())),
      restore: type == .restore
        ? RestoreSettings(
          restorePoint: point(), targetDirectory: "/srv/out",
          format: DiskImageFormat.allCases[number(4) - 1]) : nil)
  }

  private mutating func attemptReport() -> AttemptReport {
    let checkpoint: AttemptReport.Checkpoint =
      switch number(4) {
      case 1: .none
      case 2: .created
      case 3: .removed
      default: .removalFailed(tries: number(9), message: "busy")
      }
    let outcome: AttemptOutcome? =
      switch number(4) {
      case 1: .succeeded
      case 2: .failed(message: "no space", isRetryable: flip())
      case 3: .canceled
      default: nil
      }
    return AttemptReport(
      attempt: attempt(), phase: TaskPhase.allCases[number(TaskPhase.allCases.count) - 1],
      progress: TaskProgress(
        totalBytes: next(), processedBytes: next(), readBytes: next(), storedBytes: next()),
      checkpoint: checkpoint, readyToCommit: flip() ? commitment() : nil, isPublished: flip(),
      outcome: outcome)
  }

  private mutating func commitment() -> Commitment {
    flip()
      ? .restoredDisks(targetDirectory: "/srv/out", bytes: next())
      : .restorePoint(
        RestorePointSummary(
          id: point(), virtualMachine: vm(), repository: RepositoryID(rawValue: "main"),
          manifestDigest: String(repeating: "0a", count: 32), logicalBytes: next(),
          storedBytes: next()))
  }

  private mutating func checkpoint() -> CheckpointRecord {
    CheckpointRecord(
      name: CheckpointName(attempt: attempt()), host: host(), hypervisor: "disk-images",
      virtualMachine: vm())
  }

  private mutating func attempt() -> AttemptID { AttemptID(task: taskID(), number: number(9)) }
  private mutating func point() -> RestorePointID { RestorePointID(task: taskID()) }
  private mutating func host() -> HostID { HostID(rawValue: "Host_\(number(9)).local") }
  private mutating func vm() -> VirtualMachineID { VirtualMachineID(rawValue: "VM-\(number(9))") }

  private mutating func taskID() -> TaskID {
    TaskID(session: SessionID(rawValue: "s\(number(99))"), ordinal: number(999))
  }

  private mutating func list<Element>(_ make: (inout SampleLink) -> Element) -> [Element] {
    (0..<(number(5) - 1)).map { _ in make(&self) }
  }

  private mutating func flip() -> Bool { next() & 1 == 0 }

  /// From 1 to `bound`.
  private mutating func number(_ bound: Int) -> Int { 1 + Int(next() % UInt64(bound)) }

  /// SplitMix64.
  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
