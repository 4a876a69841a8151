import BackupModel
import Testing

@testable import CoordinatorCore

/// Each row of semantics.md §5, in both columns.
@Suite struct StopMatrixTests {
  @Test("No stop, nothing started: FAILED and canceled", arguments: StopMode.allCases)
  func nothingStarted(mode: StopMode) throws {
    var scene = try Scene()
    scene.start()
    #expect(scene.outcome(scene.stop(mode)) == .accepted)
    let end = try scene.history.end
    #expect(end?.result == .failed && end?.isCanceled == true)
    #expect(end?.message == "Operation was canceled by user")
  }

  @Test(
    "No stop, nothing started, a type without graceful: refused, and the session goes on",
    arguments: [JobType.fileCopy, .backupCopy, .restore])
  func nothingStartedRefused(type: JobType) throws {
    var scene = try Scene()
    scene.start(Scene.job(type: type, vms: 1))
    #expect(scene.refusal(scene.stop(.graceful)) == .gracefulStopNotSupported(type))
    #expect(try scene.history.state == .waitingSlot)
  }

  @Test("POSTPROCESSING, immediate: FAILED, and what was made stays")
  func postprocessingImmediate() throws {
    var scene = try RequirementTests.postprocessing()
    #expect(try scene.history.state == .postprocessing)
    let tasks = try scene.states()
    #expect(scene.outcome(scene.stop(.immediate)) == .accepted)
    scene.change("w1") { $0.letGo(.checkpointRemoval) }
    scene.pass(.seconds(2))
    scene.settle()
    #expect(try scene.states() == tasks)
    #expect(try scene.history.end?.result == .failed)
    #expect(try scene.history.end?.isCanceled == true)
  }

  @Test("POSTPROCESSING, graceful: accepted, no effect on the tasks")
  func postprocessingGraceful() throws {
    var scene = try RequirementTests.postprocessing()
    let tasks = try scene.states()
    #expect(scene.outcome(scene.stop(.graceful)) == .accepted)
    scene.change("w1") { $0.letGo(.checkpointRemoval) }
    scene.pass(.seconds(2))
    scene.settle()
    #expect(try scene.states() == tasks)
    #expect(try scene.history.end?.isCanceled == false)
  }

  @Test("GRACEFUL active, immediate requested: escalates, the VM in process is canceled")
  func escalation() throws {
    var scene = try RequirementTests.during(4)
    scene.stop(.graceful)
    let request = try scene.history.stop?.request
    #expect(scene.outcome(scene.stop(.immediate, by: "bob")) == .escalated)
    scene.settle()
    #expect(scene.restorePoints == [1, 2, 3])
    #expect(try scene.history.stop?.request.id == request?.id)
    #expect(try scene.history.end?.result == .failed)
    #expect(
      try scene.lines().map(\.text).contains(
        "Graceful stop escalated to immediate stop (by user bob), 1 VM(s) canceled"))
  }

  @Test("GRACEFUL active, graceful requested: the same stop again; deadlines only tighten")
  func gracefulAgain() throws {
    var scene = try RequirementTests.during(2)
    func later(_ seconds: Int) -> StopDeadline {
      .at(scene.now.advanced(by: .seconds(seconds)))
    }
    scene.stop(.graceful)
    #expect(scene.outcome(scene.stop(.graceful)) == .repeated)
    #expect(scene.effects.records.isEmpty)
    #expect(scene.outcome(scene.stop(.graceful, deadline: later(60))) == .deadlineTightened)
    #expect(scene.outcome(scene.stop(.graceful, deadline: later(90))) == .laterDeadlineIgnored)
    #expect(scene.outcome(scene.stop(.graceful, deadline: later(60))) == .repeated)
    #expect(scene.outcome(scene.stop(.graceful, deadline: later(30))) == .deadlineTightened)
    #expect(
      try scene.history.stop?.request.deadline == scene.now.advanced(by: .seconds(30)))
  }

  @Test("IMMEDIATE active, immediate requested: the same stop again, harmless")
  func immediateAgain() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { $0.holds.insert(.unwinding) }
    scene.stop(.immediate)
    let before = scene.records
    #expect(scene.outcome(scene.stop(.immediate)) == .repeated)
    #expect(scene.records == before)
  }

  @Test("IMMEDIATE active, graceful requested: IMMEDIATE_STOP_IN_PROGRESS")
  func gracefulDuringImmediate() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { $0.holds.insert(.unwinding) }
    scene.stop(.immediate)
    let refusal = scene.refusal(scene.stop(.graceful))
    #expect(refusal == .immediateStopInProgress(Scene.session))
    #expect(refusal?.reason == "IMMEDIATE_STOP_IN_PROGRESS")
    #expect(refusal?.message == "An immediate stop is already in progress")
  }

  @Test("STOPPED: OK, ALREADY_STOPPED, nothing changes", arguments: StopMode.allCases)
  func stopped(mode: StopMode) throws {
    var scene = try RequirementTests.during(1, vms: 1)
    scene.change("w1") { $0.holds = [.checkpointRemoval] }
    scene.stop(.immediate)
    scene.settle()
    scene.pass(.seconds(61))
    scene.pass(.seconds(61))
    #expect(try scene.history.state == .stopped)
    #expect(try !scene.history.isSettled)
    let before = scene.records
    #expect(scene.outcome(scene.stop(mode)) == .alreadyStopped)
    #expect(scene.records == before)
  }

  @Test("StopJob finds the active session; without one JOB_NOT_RUNNING, or OK if that is allowed")
  func stopJob() throws {
    var scene = try Scene()
    let id = JobID(rawValue: "nightly")
    let order = StopOrder(mode: .immediate, requester: Scene.operatorOfTests)
    #expect(
      scene.refusal(scene.ask(.stopJob(id, order, allowNotRunning: true))) == .jobNotFound(id))
    scene.start()
    #expect(
      scene.outcome(scene.ask(.stopJob(id, order, allowNotRunning: false))) == .accepted)
    let refusal = scene.refusal(scene.ask(.stopJob(id, order, allowNotRunning: false)))
    #expect(refusal == .jobNotRunning(id))
    #expect(refusal?.message == "Job nightly is not running")
    let allowed = scene.ask(.stopJob(id, order, allowNotRunning: true))
    #expect(allowed == .success(.notRunning(id)))
  }

  @Test("The same request id gets the same answer; with another body REQUEST_ID_REUSED")
  func requestIDs() throws {
    var scene = try RequirementTests.during(2)
    #expect(scene.outcome(scene.stop(.graceful, requestID: "r1")) == .accepted)
    #expect(scene.outcome(scene.stop(.graceful, requestID: "r1")) == .accepted)
    #expect(scene.refusal(scene.stop(.immediate, requestID: "r1")) == .requestIDReused("r1"))
    #expect(try scene.history.stop?.immediateSince == nil)
  }

  @Test("A deadline in the past, or for an immediate stop, is refused; so is a passed sequence")
  func badOrders() throws {
    var scene = try RequirementTests.during(2)
    #expect(
      scene.refusal(scene.stop(.graceful, deadline: .at(scene.now))) == .deadlineInPast(scene.now))
    #expect(
      scene.refusal(scene.stop(.immediate, deadline: .after(.seconds(5)))) == .deadlineNotAllowed)
    let sequence = scene.records.count
    #expect(
      scene.refusal(scene.stop(.immediate, ifSequence: sequence - 1))
        == .sequenceChanged(given: sequence - 1, current: sequence))
    #expect(scene.outcome(scene.stop(.immediate, ifSequence: sequence)) == .accepted)
  }

  @Test("A graceful stop's deadline escalates it by itself, at the stored absolute time")
  func deadline() throws {
    var scene = try RequirementTests.during(4)
    let deadline = scene.now.advanced(by: .seconds(20))
    scene.stop(.graceful, deadline: .after(.seconds(20)))
    #expect(scene.effects.nextDeadline.map { $0 <= deadline } == true)
    scene.pass(.seconds(19))
    #expect(try scene.history.stop?.immediateSince == nil)
    scene.pass(.seconds(1))
    #expect(try scene.history.stop?.immediateSince == deadline)
    scene.settle()
    #expect(try scene.history.end?.result == .failed)
    #expect(
      try scene.lines().map(\.text).contains(
        "Graceful stop escalated to immediate stop (deadline \(deadline) reached), 1 VM(s) canceled"
      ))
  }

  @Test("A restart keeps the deadline: it passes while no coordinator runs")
  func deadlineOverRestart() throws {
    var scene = try RequirementTests.during(4)
    scene.stop(.graceful, deadline: .after(.seconds(20)))
    scene.now = scene.now.advanced(by: .seconds(3600))
    try scene.restart()
    #expect(try scene.history.stop?.immediateSince == scene.now)
    scene.attach("w1")
    scene.settle()
    #expect(scene.restorePoints == [1, 2, 3])
    #expect(try scene.history.isSettled)
  }

  @Test("A worker that does not unwind in 10 s loses its lease and gets no new task")
  func boundedUnwinding() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { $0.holds.insert(.unwinding) }
    scene.stop(.immediate)
    scene.report("w1")
    scene.pass(.seconds(9))
    #expect(try scene.states()[1] == .processing)
    scene.pass(.seconds(1))
    #expect(try scene.states()[1] == .canceled)
    #expect(scene.core.allWorkers[0].isQuarantined)
    scene.settle()
    #expect(try scene.history.end?.result == .failed)
    scene.ask(
      .startJob(
        JobID(rawValue: "nightly"), session: SessionID(rawValue: "s2"), Scene.operatorOfTests))
    scene.report("w1")
    #expect(scene.core.session(SessionID(rawValue: "s2"))?.state == .waitingSlot)
    scene.change("w1") { $0.holds = [] }
    scene.settle()
    #expect(scene.core.session(SessionID(rawValue: "s2")) == nil)
  }

  @Test("A stop can't hang: with every worker gone it ends within its bounds")
  func boundedWithoutWorkers() throws {
    var scene = try RequirementTests.during(2)
    scene.detach("w1")
    scene.stop(.immediate)
    scene.pass(.seconds(10))
    scene.pass(.seconds(60))
    let history = try scene.history
    #expect(history.state == .stopped && !history.isSettled)
    #expect(history.checkpointsLeft == 1)
    #expect(
      try scene.lines().map(\.text).contains(
        "1 checkpoint(s) still to be removed, see operation \(history.cleanupOperation)"))
    // What it could not remove is removed once a worker of that host is back.
    scene.attach("w2")
    scene.settle()
    #expect(try scene.history.isSettled)
  }

  @Test("A task between two attempts is canceled at once by an immediate stop")
  func betweenAttempts() throws {
    var scene = try RequirementTests.during(2)
    scene.attach("w1", incarnation: "b")
    #expect(try scene.history.tasks[1].lastAttempt == 1)
    scene.stop(.immediate)
    scene.settle()
    #expect(try scene.states()[1] == .canceled)
    #expect(try scene.history.isSettled)
  }
}
