internal import BackupModel
internal import BelayAPI
internal import GRPC
import Synchronization
import WorkerLink

/// One connection to the coordinator, from the registration to its end.
struct AttachCall: Sendable {
  let clock: any WorkerClock
  let mailbox: Mailbox<WorkerEvent>
  let outbox: Outbox
  let pulse: AttachPulse

  private enum End { case inbound, outbound }

  /// How many events may wait before the coordinator is taken for mad.
  private static let maxBacklog = 10_000

  /// Returns when the outbox was closed and the coordinator has ended the call; throws how it broke.
  func run(_ registration: WorkerRegistration, over channel: any RPCChannel) async throws {
    try await BelayV1.WorkerServiceClient(channel).attach { requests, responses in
      try await requests.write(WorkerLinkRequest.register(registration).wire)
      try await withThrowingTaskGroup(of: End.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          try await listen(to: responses)
          return .inbound
        }
        group.addTask {
          try await speak(to: requests)
          return .outbound
        }
        group.addTask {
          try await watch()
          return .inbound
        }
        while let end = try await group.next() {
          if case .inbound = end { return }
        }
      }
    }
  }

  private func listen(to responses: ResponseStream<BelayV1.AttachResponse>) async throws {
    for try await message in responses {
      pulse.heard(at: clock.now)
      let response = try WorkerLinkResponse(message)
      switch (response, pulse.epoch) {
      case (.registered(let epoch, let lease, let heartbeat), nil):
        pulse.register(epoch: epoch, lease: lease)
        mailbox.post(
          .attached(
            Attachment(
              leaseEnd: pulse.began.advanced(by: lease), heartbeatInterval: heartbeat,
              outbox: outbox)))
      case (.directives(let directives), .some):
        guard mailbox.count < Self.maxBacklog else {
          throw RPCError(.resourceExhausted, "the worker can't follow so many directives")
        }
        mailbox.post(.directives(directives))
      case (.renewal(let epoch, let lease), .some(let current)) where epoch == current:
        guard let sent = pulse.answered() else { throw Self.broken }
        mailbox.post(.leaseRenewed(until: sent.advanced(by: lease)))
      case (.registered, .some), (.directives, nil), (.renewal, _): throw Self.broken
      }
    }
    guard outbox.isClosed else {
      throw RPCError(.unavailable, "the coordinator has closed the connection")
    }
  }

  private func speak(to requests: RequestWriter<BelayV1.AttachRequest>) async throws {
    while let report = await outbox.take() {
      guard let epoch = pulse.epoch else { throw Self.broken }
      pulse.sending(at: clock.now)
      mailbox.post(.reportTaken)
      try await requests.write(WorkerLinkRequest.report(epoch: epoch, report).wire)
    }
    requests.finish()
  }

  /// Throws when the coordinator was silent for longer than a lease lasts: the connection is dead, and nobody knows.
  private func watch() async throws {
    while true {
      let deadline = pulse.deadline
      guard deadline > clock.now else {
        throw RPCError(.deadlineExceeded, "the coordinator does not answer")
      }
      try await clock.sleep(until: deadline)
    }
  }

  private static let broken = RPCError(.internal, "the coordinator's messages are out of order")
}

/// When a connection said what, and when it was last answered.
final class AttachPulse: Sendable {
  private struct State {
    var epoch: Int?
    /// When the reports that were not answered yet were sent, oldest first. Each is answered once, in their order.
    var unanswered: [Timestamp] = []
    var lastHeard: Timestamp
    var patience: Duration
  }

  /// When the registration was sent, at the latest.
  let began: Timestamp
  private let state: Mutex<State>

  /// `patience`: how long the registration may take.
  init(at now: Timestamp, patience: Duration) {
    began = now
    state = Mutex(State(lastHeard: now, patience: patience))
  }

  /// The coordinator's term; nil until it has taken the registration.
  var epoch: Int? { state.withLock(\.epoch) }

  var deadline: Timestamp { state.withLock { $0.lastHeard.advanced(by: $0.patience) } }

  func register(epoch: Int, lease: Duration) {
    state.withLock { state in
      state.epoch = epoch
      state.patience = lease
    }
  }

  func heard(at now: Timestamp) { state.withLock { $0.lastHeard = now } }

  func sending(at now: Timestamp) { state.withLock { $0.unanswered.append(now) } }

  /// When the report was sent that is answered now. Nil: none is unanswered.
  func answered() -> Timestamp? {
    state.withLock { $0.unanswered.isEmpty ? nil : $0.unanswered.removeFirst() }
  }
}
