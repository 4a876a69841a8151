import BackupModel
import Testing

@testable import CoordinatorCore

/// Every session state × every event, and every task state × every word of a worker, has a stated answer.
@Suite struct StateTableTests {
  @Test("Each session state answers each event as stated")
  func sessions() throws {
    for (place, state) in Self.sessionStates.enumerated() {
      for (event, expected) in zip(Self.sessionEvents, Self.sessionAnswers[place].answers) {
        var scene = try state.make()
        let before = scene.records.count
        let replies = event.act(&scene)
        #expect(
          Self.answer(scene, replies, before) == expected,
          "\(Self.sessionAnswers[place].state) × \(event.name)")
      }
    }
  }

  private static func answer(_ scene: Scene, _ result: Result<Answer, Refusal>?, _ before: Int)
    -> String
  {
    let state = (try? scene.history.state.rawValue) ?? "?"
    let records = scene.records.count - before
    let reply =
      switch result {
      case nil: ""
      case .failure(let refusal): refusal.reason + " "
      case .success(.stop(let outcome, _)): outcome.rawValue + " "
      case .success: "OK "
      }
    return "\(reply)\(state)\(records == 0 ? "" : "+")"
  }

  struct SessionCase: Sendable {
    let name: String
    let make: @Sendable () throws -> Scene
  }

  static let sessionStates: [SessionCase] = [
    SessionCase(name: "waitingSlot") {
      var scene = try Scene()
      scene.start(Scene.job(vms: 2))
      return scene
    },
    SessionCase(name: "working") { try RequirementTests.during(1, vms: 2) },
    SessionCase(name: "postprocessing") { try RequirementTests.postprocessing() },
    SessionCase(name: "stopping gracefully") {
      var scene = try RequirementTests.during(1, vms: 2)
      scene.stop(.graceful)
      return scene
    },
    SessionCase(name: "stopping immediately") {
      var scene = try RequirementTests.during(1, vms: 2)
      scene.change("w1") { $0.holds.insert(.unwinding) }
      scene.stop(.immediate)
      return scene
    },
    SessionCase(name: "stopped, not settled") {
      var scene = try RequirementTests.during(1, vms: 1)
      scene.detach("w1")
      scene.stop(.immediate)
      scene.pass(.seconds(10))
      scene.pass(.seconds(60))
      return scene
    },
    SessionCase(name: "settled") {
      var scene = try Scene()
      scene.start(Scene.job(vms: 1))
      scene.stop(.immediate)
      return scene
    },
  ]

  struct SessionEvent: Sendable {
    let name: String
    let act: @Sendable (inout Scene) -> Result<Answer, Refusal>?
  }

  private static let job = JobID(rawValue: "nightly")
  private static let order = StopOrder(mode: .immediate, requester: Scene.operatorOfTests)

  static let sessionEvents: [SessionEvent] = [
    SessionEvent(name: "StartJob") {
      $0.ask(.startJob(job, session: SessionID(rawValue: "s2"), Scene.operatorOfTests))
    },
    SessionEvent(name: "StopSession immediate") { $0.stop(.immediate) },
    SessionEvent(name: "StopSession graceful") { $0.stop(.graceful) },
    SessionEvent(name: "StopJob immediate") {
      $0.ask(.stopJob(job, order, allowNotRunning: false))
    },
    SessionEvent(name: "UpdateJob") {
      $0.ask(.updateJob(job, JobChanges(description: "x"), revision: nil, requestID: ""))
    },
    SessionEvent(name: "DeleteJob") { $0.ask(.deleteJob(job, revision: nil, requestID: "")) },
    SessionEvent(name: "worker attached") {
      $0.attach("w9")
      return nil
    },
    SessionEvent(name: "worker detached") {
      $0.detach("w1")
      return nil
    },
    SessionEvent(name: "empty report") {
      $0.change("w1") { $0.attempts = [] }
      $0.report("w1")
      return nil
    },
    SessionEvent(name: "time passed") {
      $0.pass(.seconds(1))
      return nil
    },
    SessionEvent(name: "lease expired") {
      $0.pass(.seconds(31))
      return nil
    },
    SessionEvent(name: "session looked up") {
      $0.send(.sessionLookedUp(Scene.session, $0.records))
      return nil
    },
    SessionEvent(name: "restart") {
      try? $0.restart()
      return nil
    },
  ]

  @Test("The tables are whole")
  func whole() {
    #expect(Self.sessionAnswers.map(\.state) == Self.sessionStates.map(\.name))
    #expect(Self.taskAnswers.map(\.state) == Self.taskStates.map(\.name))
    #expect(Self.sessionAnswers.allSatisfy { $0.answers.count == Self.sessionEvents.count })
    #expect(Self.taskAnswers.allSatisfy { $0.answers.count == Self.words.count })
  }

  struct Row {
    let state: String
    let answers: [String]
  }

  /// `+`: something was recorded. In the order of `sessionEvents`.
  static let sessionAnswers: [Row] = [
    Row(
      state: "waitingSlot",
      answers: [
        "SESSION_ACTIVE waitingSlot", "accepted stopped+", "accepted stopped+", "accepted stopped+",
        "OK waitingSlot", "SESSION_ACTIVE waitingSlot", "working+", "waitingSlot", "waitingSlot",
        "waitingSlot", "waitingSlot", "waitingSlot", "waitingSlot+",
      ]),
    Row(
      state: "working",
      answers: [
        "SESSION_ACTIVE working", "accepted stopping+", "accepted stopping+", "accepted stopping+",
        "OK working", "SESSION_ACTIVE working", "working", "working", "working+", "working",
        "working+", "working", "working+",
      ]),
    Row(
      state: "postprocessing",
      answers: [
        "SESSION_ACTIVE postprocessing", "accepted stopping+", "accepted stopping+",
        "accepted stopping+", "OK postprocessing", "SESSION_ACTIVE postprocessing",
        "postprocessing", "postprocessing", "postprocessing", "postprocessing", "postprocessing",
        "postprocessing", "postprocessing+",
      ]),
    Row(
      state: "stopping gracefully",
      answers: [
        "SESSION_ACTIVE stopping", "escalated stopping+", "repeated stopping",
        "escalated stopping+", "OK stopping", "SESSION_ACTIVE stopping", "stopping", "stopping",
        "stopping+", "stopping", "stopping+", "stopping", "stopping+",
      ]),
    Row(
      state: "stopping immediately",
      answers: [
        "SESSION_ACTIVE stopping", "repeated stopping", "IMMEDIATE_STOP_IN_PROGRESS stopping",
        "repeated stopping", "OK stopping", "SESSION_ACTIVE stopping", "stopping", "stopping",
        "stopping+", "stopping", "stopping+", "stopping", "stopping+",
      ]),
    Row(
      state: "stopped, not settled",
      answers: [
        "OK stopped", "alreadyStopped stopped", "alreadyStopped stopped", "JOB_NOT_RUNNING stopped",
        "OK stopped", "OK stopped", "stopped", "stopped", "stopped", "stopped", "stopped",
        "stopped", "stopped",
      ]),
    Row(
      state: "settled",
      answers: [
        "OK stopped", "SESSION_NOT_FOUND stopped", "SESSION_NOT_FOUND stopped",
        "JOB_NOT_RUNNING stopped", "OK stopped", "OK stopped", "stopped", "stopped", "stopped",
        "stopped", "stopped", "stopped", "stopped",
      ]),
  ]

  /// What a worker may say of attempt 1 of the task, by name.
  static let words: [(name: String, report: @Sendable (inout AttemptReport) -> Void)] = [
    ("preparing", { _ in }),
    (
      "created",
      {
        $0.checkpoint = .created
        $0.phase = .transferring
      }
    ),
    (
      "ready",
      {
        $0.checkpoint = .created
        $0.phase = .finalizing
        $0.readyToCommit = commitment
      }
    ),
    (
      "published",
      {
        $0.checkpoint = .created
        $0.phase = .removingCheckpoint
        $0.readyToCommit = commitment
        $0.isPublished = true
      }
    ),
    (
      "succeeded",
      {
        $0.checkpoint = .removed
        $0.readyToCommit = commitment
        $0.isPublished = true
        $0.outcome = .succeeded
      }
    ),
    (
      "failed for good",
      {
        $0.checkpoint = .removed
        $0.outcome = .failed(message: "disk error", isRetryable: false)
      }
    ),
    (
      "failed for now",
      {
        $0.checkpoint = .removed
        $0.outcome = .failed(message: "disk error", isRetryable: true)
      }
    ),
    (
      "canceled",
      {
        $0.checkpoint = .removed
        $0.outcome = .canceled
      }
    ),
  ]

  static let commitment = Commitment.restorePoint(
    RestorePointSummary(
      id: RestorePointID(task: TaskID(session: Scene.session, ordinal: 1)),
      virtualMachine: VirtualMachineID(rawValue: "vm1"),
      repository: RepositoryID(rawValue: "main"), manifestDigest: "00", logicalBytes: 100,
      storedBytes: 25))

  /// A task in each state, with its attempt 1 at worker w1; a second VM is held so that the session goes on.
  static let taskStates: [SessionCase] = [
    SessionCase(name: "pending again") {
      var scene = try taskScene()
      scene.settle()
      scene.change("w1") { $0.fail(ordinal: 1) }
      scene.change("w1") { $0.isDraining = true }
      scene.report("w1")
      return scene
    },
    SessionCase(name: "assigned") {
      var scene = try taskScene()
      scene.change("w1") { $0.attempts = [] }
      return scene
    },
    SessionCase(name: "processing") {
      var scene = try taskScene()
      scene.settle()
      return scene
    },
    SessionCase(name: "processing, committed") {
      var scene = try taskScene()
      scene.settle()
      scene.change("w1") { worker in
        worker.holds.insert(.publication)
        worker.letGo(.transfer(ordinal: 1))
      }
      scene.report("w1")
      return scene
    },
    SessionCase(name: "processing, graceful stop") {
      var scene = try taskScene()
      scene.settle()
      scene.stop(.graceful)
      return scene
    },
    SessionCase(name: "processing, immediate stop") {
      var scene = try taskScene()
      scene.settle()
      scene.change("w1") { $0.holds.insert(.unwinding) }
      scene.stop(.immediate)
      return scene
    },
    SessionCase(name: "succeeded") {
      var scene = try taskScene()
      scene.settle()
      scene.change("w1") { $0.letGo(.transfer(ordinal: 1)) }
      scene.settle()
      return scene
    },
    SessionCase(name: "failed") {
      var scene = try taskScene()
      scene.settle()
      scene.change("w1") { $0.fail(ordinal: 1, isRetryable: false) }
      scene.report("w1")
      return scene
    },
    SessionCase(name: "canceled") {
      var scene = try taskScene()
      scene.settle()
      scene.change("w1") { $0.holds.insert(.unwinding) }
      scene.stop(.immediate)
      scene.pass(.seconds(10))
      return scene
    },
    SessionCase(name: "skipped") {
      var scene = try taskScene()
      scene.change("w1") { $0.attempts = [] }
      scene.stop(.graceful)
      return scene
    },
  ]

  private static func taskScene() throws -> Scene {
    var scene = try Scene()
    scene.attach("w1")
    scene.change("w1") { worker in
      for ordinal in 1...2 { worker.holds.insert(.transfer(ordinal: ordinal)) }
    }
    scene.start(Scene.job(vms: 2))
    return scene
  }

  /// The task's state afterwards, and what the worker is told of the attempt.
  static func taskAnswer(_ scene: inout Scene, _ word: (inout AttemptReport) -> Void) throws
    -> String
  {
    guard let connection = scene.workers[WorkerID(rawValue: "w1")]?.connection else { return "?" }
    var report = AttemptReport(attempt: attempt(1))
    word(&report)
    let effects = scene.core.handle(
      .workerReported(
        WorkerID(rawValue: "w1"), connection, WorkerReport(attempts: [report], isDraining: true)),
      at: scene.now)
    let told = effects.messages.compactMap { message -> String? in
      switch message.content {
      case .directive(.proceed(attempt(1))): "proceed"
      case .directive(.commit(attempt(1))): "commit"
      case .directive(.cancel(attempt(1))): "cancel"
      case .directive(.abandon(attempt(1))): "abandon"
      case .directive(.release(attempt(1))): "release"
      default: nil
      }
    }
    var history = try scene.history
    for record in effects.records where record.session == Scene.session {
      try history.apply(record)
    }
    return ([history.tasks[0].state.rawValue] + told).joined(separator: " ")
  }

  @Test("Each task state answers each word of its worker as stated")
  func tasks() throws {
    for (place, state) in Self.taskStates.enumerated() {
      for (word, expected) in zip(Self.words, Self.taskAnswers[place].answers) {
        var scene = try state.make()
        let answer = try Self.taskAnswer(&scene, word.report)
        #expect(answer == expected, "\(state.name) × \(word.name)")
      }
    }
  }

  /// In the order of `words`.
  static let taskAnswers: [Row] = [
    Row(
      state: "pending again",
      answers: [
        "pending abandon", "pending abandon", "pending abandon", "pending abandon",
        "pending release", "pending release", "pending release", "pending release",
      ]),
    Row(
      state: "assigned",
      answers: [
        "processing proceed", "processing", "processing commit", "processing commit",
        "pending release", "failed release", "pending release", "pending release",
      ]),
    Row(
      state: "processing",
      answers: [
        "processing proceed", "processing", "processing commit", "processing commit",
        "pending release", "failed release", "pending release", "pending release",
      ]),
    Row(
      state: "processing, committed",
      answers: [
        "processing commit", "processing commit", "processing commit", "processing commit",
        "succeeded release", "failed release", "processing", "processing",
      ]),
    Row(
      state: "processing, graceful stop",
      answers: [
        "processing proceed", "processing", "processing commit", "processing commit",
        "pending release", "failed release", "pending release", "pending release",
      ]),
    Row(
      state: "processing, immediate stop",
      answers: [
        "processing cancel", "processing cancel", "processing cancel", "processing cancel",
        "canceled release", "canceled release", "canceled release", "canceled release",
      ]),
    Row(
      state: "succeeded",
      answers: [
        "succeeded abandon", "succeeded abandon", "succeeded abandon", "succeeded abandon",
        "succeeded release", "succeeded release", "succeeded release", "succeeded release",
      ]),
    Row(
      state: "failed",
      answers: [
        "failed abandon", "failed abandon", "failed abandon", "failed abandon", "failed release",
        "failed release", "failed release", "failed release",
      ]),
    Row(
      state: "canceled",
      answers: [
        "canceled abandon", "canceled abandon", "canceled abandon", "canceled abandon",
        "canceled release", "canceled release", "canceled release", "canceled release",
      ]),
    Row(
      state: "skipped",
      answers: [
        "skipped abandon", "skipped abandon", "skipped abandon", "skipped abandon",
        "skipped release", "skipped release", "skipped release", "skipped release",
      ]),
  ]
}
