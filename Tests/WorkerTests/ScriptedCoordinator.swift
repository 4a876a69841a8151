import BackupModel
import BelayAPI
import GRPC
import Synchronization
import WorkerLink

/// The coordinator's end of the worker link, led by a test: it takes reports, renews leases and says what it is told.
final class ScriptedCoordinator: BelayV1.WorkerServiceServer {
  private struct State {
    var epoch = 1
    var leaseDuration = Duration.seconds(30)
    var heartbeat = Duration.seconds(10)
    var renews = true
    var registrations: [WorkerRegistration] = []
    /// Of the newest registration, oldest first.
    var reports: [WorkerReport] = []
    var reportCount = 0
    var responses: ResponseWriter<BelayV1.AttachResponse>?
    var watchers: [CheckedContinuation<Void, Never>] = []
    /// Said instead of the answer to the next registration.
    var greeting: WorkerLinkResponse?
  }

  private let state = Mutex(State())

  func configure(
    lease: Duration = .seconds(30), heartbeat: Duration = .seconds(10), renews: Bool = true
  ) {
    state.withLock { state in
      state.leaseDuration = lease
      state.heartbeat = heartbeat
      state.renews = renews
    }
  }

  /// The next worker that registers hears this first.
  func greet(with response: WorkerLinkResponse) { state.withLock { $0.greeting = response } }

  /// A new term: what was reported is forgotten.
  func restart() {
    state.withLock { state in
      state.epoch += 1
      state.reports = []
    }
  }

  /// What was reported until now is not looked at any more.
  func forgetReports() { state.withLock { $0.reports = [] } }

  var registrations: [WorkerRegistration] { state.withLock(\.registrations) }
  var reports: [WorkerReport] { state.withLock(\.reports) }
  var reportCount: Int { state.withLock(\.reportCount) }

  func attach(
    _ requests: RequestStream<BelayV1.AttachRequest>,
    responses: ResponseWriter<BelayV1.AttachResponse>, context: ServerContext
  ) async throws {
    for try await message in requests {
      switch try WorkerLinkRequest(message) {
      case .register(let registration):
        try await responses.write(answer(to: registration).wire)
        change { state in
          state.registrations.append(registration)
          state.reports = []
          state.responses = responses
        }
      case .report(let epoch, let report):
        let (current, lease, renews) = state.withLock { ($0.epoch, $0.leaseDuration, $0.renews) }
        guard epoch == current else { throw RPCError(.aborted, "STALE_LEASE") }
        change { state in
          state.reports.append(report)
          state.reportCount += 1
        }
        if renews {
          try await responses.write(
            WorkerLinkResponse.renewal(epoch: epoch, leaseDuration: lease).wire)
        }
      }
    }
  }

  func say(_ directives: Directive...) async throws {
    guard let responses = state.withLock(\.responses) else { return }
    try await responses.write(WorkerLinkResponse.directives(directives).wire)
  }

  /// The first registration of that number, from 1.
  func registration(_ number: Int) async throws -> WorkerRegistration {
    try await wait { $0.registrations.count >= number ? $0.registrations[number - 1] : nil }
  }

  /// The first report since the newest registration of which `found` makes something.
  func report<Value: Sendable>(_ found: @Sendable (WorkerReport) -> Value?) async throws -> Value {
    try await wait { state in
      for report in state.reports {
        if let value = found(report) { return value }
      }
      return nil
    }
  }

  /// The first report of an attempt that is as wanted.
  func attempt(_ id: AttemptID, _ isWanted: @escaping @Sendable (AttemptReport) -> Bool)
    async throws -> AttemptReport
  {
    try await report { report in report.attempts.first { $0.attempt == id && isWanted($0) } }
  }

  /// The worker does not report the attempt any more.
  func forgotten(_ id: AttemptID) async throws {
    try await wait { state in
      state.reports.last.flatMap { last in
        last.attempts.contains { $0.attempt == id } ? nil : ()
      }
    }
  }

  private func answer(to registration: WorkerRegistration) -> WorkerLinkResponse {
    state.withLock { state in
      if let greeting = state.greeting.take() { return greeting }
      return .registered(
        epoch: state.epoch, leaseDuration: state.leaseDuration, heartbeatInterval: state.heartbeat)
    }
  }

  private func change(_ change: (inout State) -> Void) {
    let watchers = state.withLock { state in
      change(&state)
      defer { state.watchers = [] }
      return state.watchers
    }
    for watcher in watchers { watcher.resume() }
  }

  /// Throws when the task is canceled, as by a test's time limit.
  private func wait<Value: Sendable>(_ found: (State) -> Value?) async throws -> Value {
    while true {
      try Task.checkCancellation()
      let count = state.withLock { ($0.reportCount, $0.registrations.count) }
      if let value = state.withLock({ found($0) }) { return value }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let hasChanged = state.withLock { state in
            guard (state.reportCount, state.registrations.count) == count, !Task.isCancelled
            else { return true }
            state.watchers.append(continuation)
            return false
          }
          if hasChanged { continuation.resume() }
        }
      } onCancel: {
        change { _ in }
      }
    }
  }
}
