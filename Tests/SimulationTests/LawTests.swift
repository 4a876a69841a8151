import BackupModel
import Testing

@testable import Simulation

private let session = SessionID(rawValue: "s")
private let requester = Requester(principal: "anna", peer: "here")

private func job(_ type: JobType, parallelism: Int) -> Job {
  let time = Timestamp(nanosecondsSinceEpoch: 0)
  return Job(
    id: JobID(rawValue: "job"), type: type,
    objects: (1...3).map {
      JobObject(virtualMachine: VirtualMachineID(rawValue: "vm\($0)"), hypervisor: "model")
    },
    settings: JobSettings(
      repository: RepositoryID(rawValue: "main"), parallelism: parallelism), created: time,
    updated: time)
}

private func assigned(_ task: Int, _ attempt: Int = 1) -> SessionRecord.Fact {
  .taskAssigned(
    task: task, attempt: attempt, worker: WorkerID(rawValue: "w"), host: HostID(rawValue: "h"))
}

private func committed(_ task: Int, _ attempt: Int = 1) -> SessionRecord.Fact {
  .committed(
    task: task, attempt: attempt, .restoredDisks(targetDirectory: "/\(task)", bytes: 1))
}

private func ended(_ task: Int, _ state: TaskState) -> SessionRecord.Fact {
  .taskEnded(task: task, state: state, message: "", progress: TaskProgress())
}

private func stop(_ mode: StopMode, set: [Int] = []) -> SessionRecord.Fact {
  .stopAccepted(
    StopRequest(
      id: StopRequestID(rawValue: "stop"), mode: mode, requester: requester,
      accepted: Timestamp(nanosecondsSinceEpoch: 0), stopSet: set))
}

private let checkpoint = CheckpointRecord(
  name: CheckpointName(
    attempt: AttemptID(task: TaskID(session: session, ordinal: 1), number: 1)),
  host: HostID(rawValue: "h"), hypervisor: "model",
  virtualMachine: VirtualMachineID(rawValue: "vm1"))

private let stopped = SessionRecord.Fact.sessionStopped(
  .failed, isCanceled: true, message: "")

private func started(_ tasks: Int...) -> [SessionRecord.Fact] {
  tasks.flatMap { [assigned($0), .taskStarted(task: $0, attempt: 1)] }
}

/// The laws that the log breaks, in order.
private func broken(
  _ facts: [SessionRecord.Fact], type: JobType = .vmBackup, parallelism: Int = 3
) -> [String] {
  let job = job(type, parallelism: parallelism)
  var oracle: SessionOracle?
  var names: [String] = []
  let first = SessionRecord.Fact.sessionStarted(job: job, requester: requester)
  for (index, fact) in ([first] + facts).enumerated() {
    let record = SessionRecord(
      session: session, sequence: index + 1, time: Timestamp(nanosecondsSinceEpoch: 0), fact: fact)
    var now = oracle ?? SessionOracle(record, job: job)
    names += RecordLaws.all.filter { $0.holds(record, now) != nil }.map(\.name)
    now.apply(record)
    oracle = now
  }
  return names
}

@Test("A log as it should be breaks no law")
func goodLogs() {
  let immediate =
    started(1) + [committed(1), .published(task: 1, attempt: 1), ended(1, .succeeded)]
    + started(2) + [
      stop(.immediate), ended(3, .skipped), ended(2, .canceled), stopped, .sessionSettled,
    ]
  #expect(broken(immediate) == [])
  let graceful =
    started(1) + [
      stop(.graceful, set: [1]), ended(2, .skipped), ended(3, .skipped), committed(1),
      .published(task: 1, attempt: 1), ended(1, .succeeded),
      .sessionStopped(.warning, isCanceled: false, message: ""),
    ]
  #expect(broken(graceful) == [])
  let givenUp =
    started(1) + [
      stop(.graceful, set: [1]), ended(2, .skipped), ended(3, .skipped), committed(1),
      .publicationFailed(task: 1, attempt: 1, message: ""), ended(1, .failed),
      .sessionStopped(.failed, isCanceled: false, message: ""),
    ]
  #expect(broken(givenUp) == [])
}

@Test("Each law is broken by the log that it forbids, and named")
func badLogs() {
  let cases: [(law: String, facts: [SessionRecord.Fact])] = [
    ("nothingStartsAfterAStop", started(1) + [stop(.graceful, set: [1])] + started(2)),
    ("nothingStartsAfterAStop", started(1) + [stop(.immediate)] + started(2)),
    ("virtualMachinesStartInJobOrder", started(2)),
    (
      "noRestorePointForUnfinishedVMAfterImmediateStop",
      started(1) + [stop(.immediate), committed(1)]
    ),
    (
      "onlyTheLatestAttemptCommits",
      started(1) + [
        .attemptLost(task: 1, attempt: 1, worker: WorkerID(rawValue: "w")), committed(1),
      ]
    ),
    ("onlyTheLatestAttemptCommits", [assigned(1), committed(1)]),
    ("atMostOneRestorePointPerVMPerSession", started(1) + [committed(1), committed(1)]),
    ("gracefulStopCompletesExactlyTheStopSet", started(1, 2) + [stop(.graceful, set: [1])]),
    ("exactlyOneTerminalResult", [ended(1, .skipped), ended(1, .failed)]),
    ("exactlyOneTerminalResult", [ended(1, .succeeded)]),
    ("exactlyOneTerminalResult", started(1) + [committed(1), ended(1, .canceled)]),
    ("exactlyOneTerminalResult", started(1) + [committed(1), ended(1, .succeeded)]),
    (
      "exactlyOneTerminalResult",
      started(1) + [
        committed(1), .publicationFailed(task: 1, attempt: 1, message: ""), ended(1, .warning),
      ]
    ),
    (
      "exactlyOneTerminalResult",
      started(1) + [
        committed(1), .published(task: 1, attempt: 1), ended(1, .succeeded),
        .publicationFailed(task: 1, attempt: 1, message: ""),
      ]
    ),
    (
      "exactlyOneTerminalResult",
      started(1) + [committed(1), .publicationFailed(task: 1, attempt: 2, message: "")]
    ),
    ("exactlyOneTerminalResult", [stopped]),
    (
      "exactlyOneTerminalResult",
      [ended(1, .failed), ended(2, .failed), ended(3, .failed), stopped]
    ),
    ("exactlyOneTerminalResult", [.sessionSettled, stop(.immediate)]),
    (
      "immediateStopIsLoggedInOrder",
      started(1) + [
        .checkpointIntended(checkpoint), stop(.immediate), ended(1, .canceled),
      ]
    ),
    ("stopIsIdempotent", [stop(.immediate), stop(.immediate)]),
    (
      "stopIsIdempotent", [stop(.immediate), .stopEscalated(.user(requester), canceled: [])]
    ),
  ]
  for (law, facts) in cases { #expect(broken(facts) == [law], "\(facts)") }
  #expect(
    broken([stop(.graceful)], type: .restore) == ["unsupportedGracefulChangesNothing"])
  #expect(broken(started(1, 2), parallelism: 1) == ["parallelismIsKept"])
}
