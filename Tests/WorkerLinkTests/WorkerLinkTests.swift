import BackupModel
import BelayAPI
import GRPC
import Testing

@testable import WorkerLink

@Suite("The worker link's words and their messages")
struct WorkerLinkTests {
  @Test("What a worker says is heard as it was said", arguments: 0..<200)
  func requestsRoundTrip(seed: UInt64) throws {
    var sample = SampleLink(seed: seed)
    let request = sample.request()
    let bytes = try request.wire.wireBytes()
    let heard = try WorkerLinkRequest(BelayV1.AttachRequest(wireBytes: bytes))
    #expect(heard == request, "seed \(seed)")
  }

  @Test("What the coordinator says is heard as it was said", arguments: 0..<200)
  func responsesRoundTrip(seed: UInt64) throws {
    var sample = SampleLink(seed: seed)
    let response = sample.response()
    let bytes = try response.wire.wireBytes()
    let heard = try WorkerLinkResponse(BelayV1.AttachResponse(wireBytes: bytes))
    #expect(heard == response, "seed \(seed)")
  }

  @Test("A request that is not of the contract is refused, with its field", arguments: badRequests)
  func refusesRequests(_ bad: BadMessage<BelayV1.AttachRequest>) throws {
    let error = #expect(throws: RPCError.self) { try WorkerLinkRequest(bad.message) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.hasPrefix(bad.field + ":") == true, "\(error?.message ?? "")")
  }

  @Test(
    "A response that is not of the contract is refused, with its field", arguments: badResponses)
  func refusesResponses(_ bad: BadMessage<BelayV1.AttachResponse>) throws {
    let error = #expect(throws: RPCError.self) { try WorkerLinkResponse(bad.message) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.hasPrefix(bad.field + ":") == true, "\(error?.message ?? "")")
  }

  @Test("Text that no message can carry is cut, not fatal")
  func cutsText() throws {
    let text = String(repeating: "é\u{0}", count: 100_000)
    let report = WorkerReport(attempts: [
      AttemptReport(
        attempt: AttemptID(task: TaskID(session: SessionID(rawValue: "s"), ordinal: 1), number: 1),
        outcome: .failed(message: text, isRetryable: true))
    ])
    let bytes = try WorkerLinkRequest.report(epoch: 1, report).wire.wireBytes()
    #expect(bytes.count < 20_000)
    let heard = try WorkerLinkRequest(BelayV1.AttachRequest(wireBytes: bytes))
    guard case .report(1, let report) = heard,
      case .failed(let message, true)? = report.attempts[0].outcome
    else {
      Issue.record("heard \(heard)")
      return
    }
    #expect(message.hasPrefix("éé"))
  }
}

struct BadMessage<Message: Sendable>: Sendable, CustomTestStringConvertible {
  let field: String
  let message: Message
  var testDescription: String { field }
}

private let attempt = BelayV1.AttemptId(session: "s1", task: 1, number: 1)
private let digest = String(repeating: "0", count: 64)

private func report(_ attempt: BelayV1.AttemptReport) -> BelayV1.AttachRequest {
  .init(kind: .report(.init(epoch: 1, attempts: [attempt])))
}

private func registration(_ change: (inout BelayV1.WorkerRegistration) -> Void)
  -> BelayV1.AttachRequest
{
  var registration = BelayV1.WorkerRegistration(
    worker: "w1", incarnation: "i", host: "h", slots: 1, hypervisors: [], leftovers: [])
  change(&registration)
  return .init(kind: .register(registration))
}

private func directive(_ kind: BelayV1.Directive.Kind?) -> BelayV1.AttachResponse {
  .init(kind: .directives(.init(directives: [.init(kind: kind)])))
}

private func task(_ change: (inout BelayV1.TaskSpecification) -> Void) -> BelayV1.AttachResponse {
  var task = BelayV1.TaskSpecification(
    attempt: attempt, job: "j", type: .vmBackup,
    object: .init(virtualMachine: "vm", hypervisor: "disk-images"), repository: "main",
    repositoryPath: "/repo", sessionStartTime: .init(nanosecondsSinceEpoch: 1))
  change(&task)
  return directive(.assign(task))
}

private let badRequests: [BadMessage<BelayV1.AttachRequest>] = [
  .init(field: "kind", message: .init()),
  .init(field: "register.worker", message: registration { $0.worker = "W 1" }),
  .init(field: "register.incarnation", message: registration { $0.incarnation = "" }),
  .init(field: "register.host", message: registration { $0.host = "../etc" }),
  .init(field: "register.slots", message: registration { $0.slots = 0 }),
  .init(
    field: "register.leftovers[0].name",
    message: registration {
      $0.leftovers = [.init(name: "mine", host: "h", hypervisor: "d", virtualMachine: "v")]
    }),
  .init(field: "report.epoch", message: .init(kind: .report(.init(epoch: 0)))),
  .init(field: "report.attempts[0].attempt", message: report(.init())),
  .init(
    field: "report.attempts[0].attempt.task",
    message: report(.init(attempt: .init(session: "s1", task: -1, number: 1)))),
  .init(field: "report.attempts[0].phase", message: report(.init(attempt: attempt))),
  .init(
    field: "report.attempts[0].phase",
    message: report(.init(attempt: attempt, phase: .unrecognized(99)))),
  .init(
    field: "report.attempts[0].checkpoint.kind",
    message: report(.init(attempt: attempt, phase: .preparing))),
  .init(
    field: "report.attempts[0].ready_to_commit.kind",
    message: report(
      .init(
        attempt: attempt, phase: .preparing, checkpoint: .init(kind: .created(.init())),
        readyToCommit: .init()))),
  .init(
    field: "report.attempts[0].ready_to_commit.restore_point.manifest_digest",
    message: report(
      .init(
        attempt: attempt, phase: .preparing, checkpoint: .init(kind: .created(.init())),
        readyToCommit: .init(
          kind: .restorePoint(
            .init(id: "s1.1", virtualMachine: "v", repository: "r", manifestDigest: "0F")))))),
  .init(
    field: "report.attempts[0].outcome.kind",
    message: report(
      .init(
        attempt: attempt, phase: .preparing, checkpoint: .init(kind: .created(.init())),
        outcome: .init()))),
  .init(
    field: "report.duties[0].duty",
    message: .init(kind: .report(.init(epoch: 1, duties: [.init()])))),
]

private let badResponses: [BadMessage<BelayV1.AttachResponse>] = [
  .init(field: "kind", message: .init()),
  .init(field: "registered.epoch", message: .init(kind: .registered(.init()))),
  .init(field: "registered.lease_ttl", message: .init(kind: .registered(.init(epoch: 1)))),
  .init(
    field: "registered.heartbeat_interval",
    message: .init(
      kind: .registered(
        .init(epoch: 1, leaseTTL: .init(seconds: 1), heartbeatInterval: .init(seconds: -1))))),
  .init(
    field: "renewal.lease_ttl",
    message: .init(kind: .renewal(.init(epoch: 1, leaseTTL: .init(seconds: 1, nanos: -1))))),
  .init(field: "directives[0].kind", message: directive(nil)),
  .init(field: "directives[0].proceed.session", message: directive(.proceed(.init()))),
  .init(field: "directives[0].perform.kind", message: directive(.perform(.init()))),
  .init(
    field: "directives[0].perform.publish.specification",
    message: directive(.perform(.init(kind: .publish(.init()))))),
  .init(field: "directives[0].assign.attempt", message: task { $0.attempt = nil }),
  .init(field: "directives[0].assign.type", message: task { $0.type = .unspecified }),
  .init(field: "directives[0].assign.object", message: task { $0.object = nil }),
  .init(
    field: "directives[0].assign.object.virtual_machine",
    message: task { $0.object?.virtualMachine = "a/b" }),
  .init(
    field: "directives[0].assign.repository_path", message: task { $0.repositoryPath = "repo" }),
  .init(
    field: "directives[0].assign.session_start_time",
    message: task { $0.sessionStartTime = .init(seconds: .max) }),
  .init(field: "directives[0].assign.restore", message: task { $0.type = .restore }),
  .init(
    field: "directives[0].assign.restore.target_directory",
    message: task {
      $0.type = .restore
      $0.restore = .init(restorePoint: "s1.1", targetDirectory: "out", format: .raw)
    }),
  .init(
    field: "directives[0].assign.restore.format",
    message: task {
      $0.type = .restore
      $0.restore = .init(restorePoint: "s1.1", targetDirectory: "/out")
    }),
]
