import BackupModel
import BelayAPI
import GRPC
import Synchronization
import WorkerLink

/// A worker on its link: it obeys at once, and reports each change; a test can hold its transfers.
final class ScriptedLink: Sendable {
  fileprivate struct State {
    var held: Set<Int>
    var attempts: [AttemptReport] = []
    var tasks: [AttemptID: TaskSpecification] = [:]
    var duties: [DutyReport] = []
    var epoch = 0
    var isRegistered = false
  }

  private let id: String
  private let slots: Int
  private let client: BelayV1.WorkerServiceClient
  private let state: Mutex<State>
  private let wishes = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

  /// - Parameter holding: the tasks whose transfer does not end before `letGo`.
  init(_ id: String = "w1", slots: Int = 1, holding: Set<Int> = [], on channel: any RPCChannel) {
    self.id = id
    self.slots = slots
    client = BelayV1.WorkerServiceClient(channel)
    state = Mutex(State(held: holding))
  }

  /// Attaches and works until the stream ends or the task is canceled.
  func run() async throws {
    try await client.attach { requests, responses in
      let registration = WorkerRegistration(
        worker: WorkerID(rawValue: id), incarnation: "a", host: HostID(rawValue: "host-1"),
        slots: slots, hypervisors: ["disk-images"])
      try await requests.write(WorkerLinkRequest.register(registration).wire)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { [self] in
          for await _ in wishes.stream { try await report(to: requests) }
        }
        group.addTask { [self] in
          for try await response in responses { take(try WorkerLinkResponse(response)) }
        }
        defer { group.cancelAll() }
        try await group.next()
      }
    }
  }

  func letGo(_ ordinal: Int) {
    state.withLock { state in
      state.held.remove(ordinal)
      state.finishTransfers()
    }
    wishes.continuation.yield()
  }

  /// Tells of more bytes of a held transfer.
  func move(_ ordinal: Int, to bytes: UInt64) {
    state.withLock { state in
      for index in state.attempts.indices
      where state.attempts[index].attempt.task.ordinal == ordinal {
        state.attempts[index].progress.processedBytes = bytes
      }
    }
    wishes.continuation.yield()
  }

  private func report(to requests: RequestWriter<BelayV1.AttachRequest>) async throws {
    let (epoch, report) = state.withLock { state in
      let duties = state.duties
      state.duties = []
      return (
        state.isRegistered ? state.epoch : nil,
        WorkerReport(attempts: state.attempts, duties: duties)
      )
    }
    guard let epoch else { return }
    try await requests.write(WorkerLinkRequest.report(epoch: epoch, report).wire)
  }

  private func take(_ response: WorkerLinkResponse) {
    let changed = state.withLock { state in
      switch response {
      case .registered(let epoch, _, _):
        state.epoch = epoch
        state.isRegistered = true
        return true
      case .renewal: return false
      case .directives(let directives):
        let before = state.attempts
        for directive in directives { state.obey(directive) }
        return state.attempts != before || !state.duties.isEmpty
      }
    }
    if changed { wishes.continuation.yield() }
  }
}

extension ScriptedLink.State {
  fileprivate mutating func obey(_ directive: Directive) {
    switch directive {
    case .assign(let task):
      guard tasks[task.attempt] == nil else { return }
      tasks[task.attempt] = task
      attempts.append(AttemptReport(attempt: task.attempt))
    case .proceed(let attempt):
      change(attempt) { report in
        report.phase = .transferring
        report.checkpoint = .created
        report.progress = TaskProgress(totalBytes: 100, processedBytes: 10)
      }
      finishTransfers()
    case .commit(let attempt):
      change(attempt) { report in
        report.phase = .removingCheckpoint
        report.isPublished = true
        report.checkpoint = .removed
        report.outcome = .succeeded
      }
    case .cancel(let attempt), .abandon(let attempt):
      change(attempt) { report in
        report.checkpoint = .removed
        report.outcome = .canceled
      }
    case .release(let attempt):
      attempts.removeAll { $0.attempt == attempt }
      tasks[attempt] = nil
    case .perform(let duty): duties.append(DutyReport(duty: duty))
    }
  }

  fileprivate mutating func finishTransfers() {
    for report in attempts
    where report.phase == .transferring && !held.contains(report.attempt.task.ordinal) {
      guard let task = tasks[report.attempt] else { continue }
      change(report.attempt) { report in
        report.phase = .finalizing
        report.progress.processedBytes = 100
        report.readyToCommit = .restorePoint(
          RestorePointSummary(
            id: RestorePointID(task: task.attempt.task),
            virtualMachine: task.object.virtualMachine, repository: task.repository,
            manifestDigest: String(repeating: "0", count: 64), logicalBytes: 100, storedBytes: 25))
      }
    }
  }

  private mutating func change(_ attempt: AttemptID, _ body: (inout AttemptReport) -> Void) {
    guard let index = attempts.firstIndex(where: { $0.attempt == attempt && $0.outcome == nil })
    else { return }
    body(&attempts[index])
  }
}
