import BackupModel
import Testing

@testable import CoordinatorCore

/// Jobs: creation, changes, bounds and refusals.
@Suite struct JobTests {
  private let id = JobID(rawValue: "nightly")

  @Test("A job is stored as it was described, and read back")
  func create() throws {
    var scene = try Scene()
    let answer = scene.ask(.createJob(Scene.job(), requestID: ""))
    let job = try #require(scene.core.job(id))
    #expect(answer == .success(.job(job)))
    #expect(scene.jobs[id] == job)
    #expect(job.revision == 1 && job.created == scene.now)
    #expect(
      scene.refusal(scene.ask(.createJob(Scene.job(), requestID: ""))) == .jobExists(id))
  }

  @Test("An update needs the job's latest revision, if it names one")
  func etag() throws {
    var scene = try Scene()
    scene.ask(.createJob(Scene.job(), requestID: ""))
    let changes = JobChanges(description: "new")
    #expect(
      scene.refusal(scene.ask(.updateJob(id, changes, revision: 7, requestID: "")))
        == .etagMismatch(id, given: 7, current: 1))
    scene.ask(.updateJob(id, changes, revision: 1, requestID: ""))
    #expect(scene.core.job(id)?.revision == 2)
    #expect(scene.core.job(id)?.description == "new")
    #expect(
      scene.refusal(scene.ask(.deleteJob(id, revision: 1, requestID: "")))
        == .etagMismatch(id, given: 1, current: 2))
    #expect(scene.ask(.deleteJob(id, revision: 2, requestID: "")) == .success(.jobDeleted(id)))
    #expect(scene.jobs[id] == nil)
    #expect(
      scene.refusal(scene.ask(.deleteJob(id, revision: nil, requestID: ""))) == .jobNotFound(id))
  }

  @Test("A request id makes a creation happen once")
  func createOnce() throws {
    var scene = try Scene()
    let first = scene.ask(.createJob(Scene.job(), requestID: "r"))
    #expect(scene.ask(.createJob(Scene.job(), requestID: "r")) == first)
    #expect(scene.effects.jobs.isEmpty)
    #expect(
      scene.refusal(scene.ask(.createJob(Scene.job(vms: 2), requestID: "r")))
        == .requestIDReused("r"))
  }

  @Test("A second start is SESSION_ACTIVE with the name of the session that runs")
  func secondStart() throws {
    var scene = try Scene()
    scene.start()
    let second = scene.ask(
      .startJob(id, session: SessionID(rawValue: "s2"), Scene.operatorOfTests))
    #expect(scene.refusal(second) == .sessionActive(id, Scene.session))
    #expect(scene.refusal(second)?.metadata["session"] == "s1")
    #expect(
      scene.refusal(scene.ask(.deleteJob(id, revision: nil, requestID: "")))
        == .sessionActive(id, Scene.session))
  }

  @Test("A start that is sent twice with one request id starts one session, also over a restart")
  func startOnce() throws {
    var scene = try Scene()
    scene.ask(.createJob(Scene.job(), requestID: ""))
    let requester = Requester(principal: "alice", peer: "unix:", requestID: "go")
    scene.ask(.startJob(id, session: Scene.session, requester))
    for _ in 0..<2 {
      let again = scene.ask(.startJob(id, session: SessionID(rawValue: "s2"), requester))
      guard case .success(.started(let view)) = again else {
        Issue.record("the repeated start was refused: \(String(describing: again))")
        return
      }
      #expect(view.id == Scene.session)
      try scene.restart()
    }
  }

  @Test("A disabled job does not start")
  func disabled() throws {
    var scene = try Scene()
    var draft = Scene.job()
    draft.isDisabled = true
    scene.start(draft)
    #expect(scene.effects.replies.last?.result == .failure(.jobDisabled(id)))
  }

  @Test("What no job can be is refused by field")
  func invalid() throws {
    var scene = try Scene()
    func field(_ change: (inout JobDraft) -> Void) -> String? {
      var draft = Scene.job()
      change(&draft)
      guard
        case .invalid(let field, _)? = scene.refusal(
          scene.ask(.createJob(draft, requestID: "")))
      else { return nil }
      return field
    }
    #expect(field { $0.objects = [] } == "objects")
    #expect(field { $0.objects[1] = $0.objects[0] } == "objects")
    #expect(field { $0.settings.parallelism = 0 } == "settings.parallelism")
    #expect(field { $0.settings.parallelism = .max } == "settings.parallelism")
    #expect(field { $0.settings.maxAttempts = 0 } == "settings.max_attempts")
    #expect(field { $0.description = String(repeating: "x", count: 5_000) } == "description")
    #expect(field { $0.type = .restore } == "settings.restore")
    #expect(
      field { $0.settings = Scene.job(type: .restore, vms: 1).settings } == "settings.restore")
    #expect(scene.jobs.isEmpty)
  }

  @Test("Every bound refuses what is beyond it")
  func bounds() throws {
    var configuration = Scene.configuration
    configuration.limits.jobs = 2
    configuration.limits.sessions = 1
    configuration.limits.workers = 1
    configuration.limits.objectsPerJob = 3
    configuration.limits.leftoversPerRegistration = 0
    var scene = try Scene(configuration: configuration)
    #expect(
      scene.refusal(scene.ask(.createJob(Scene.job(vms: 4), requestID: "")))?.reason
        == "INVALID_FIELD")
    scene.start(Scene.job("a", vms: 1))
    scene.start(Scene.job("b", vms: 1), as: "s2")
    #expect(
      scene.effects.replies.last?.result
        == .failure(.limitReached(what: "sessions at once", limit: 1)))
    #expect(
      scene.refusal(scene.ask(.createJob(Scene.job("c", vms: 1), requestID: "")))
        == .limitReached(what: "jobs", limit: 2))
    scene.attach("w1", slots: 0)
    #expect(scene.core.allWorkers.isEmpty)
    scene.attach("w1")
    scene.attach("w2")
    #expect(scene.core.allWorkers.map(\.id.rawValue) == ["w1"])
    #expect(
      scene.effects.messages.map(\.content)
        == [.disconnect(.refused(.limitReached(what: "workers", limit: 1)))])
  }

  @Test("Everything dynamic in a refusal's message is in its metadata")
  func metadata() {
    let session = SessionID(rawValue: "s1")
    let refusals: [Refusal] = [
      .jobNotFound(id), .jobExists(id), .sessionNotFound(session),
      .gracefulStopNotSupported(.fileCopy), .jobNotRunning(id), .jobDisabled(id),
      .sessionActive(id, session), .sequenceChanged(given: 3, current: 5),
      .deadlineInPast(Timestamp(nanosecondsSinceEpoch: 0)), .requestIDReused("r1"),
      .invalid(field: "slots", problem: "too many"), .limitReached(what: "jobs", limit: 9),
    ]
    for refusal in refusals {
      #expect(!refusal.metadata.isEmpty)
      for value in refusal.metadata.values {
        #expect(refusal.message.contains(value), "\(refusal)")
      }
    }
  }
}
