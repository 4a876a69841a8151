import BackupModel
import Testing

@testable import CoordinatorCore

/// Commits that can't become visible, for now or for ever (semantics.md §3).
@Suite struct PublicationTests {
  private static let gone = Commitment.restoredDisks(targetDirectory: "/restored", bytes: 100)

  /// A Restore whose worker has staged all and finds the target taken.
  private func restore(holding holds: Set<ScriptedWorker.Hold> = [.target]) throws -> Scene {
    var scene = try Scene()
    scene.attach("w1")
    scene.change("w1") { $0.holds = holds }
    scene.start(Scene.job(type: .restore, vms: 1))
    scene.settle()
    return scene
  }

  /// What must be true of every session whose one task could never be published.
  private func expectFailure(_ scene: Scene, isCanceled: Bool = false) throws {
    let history = try scene.history
    #expect(try scene.states() == [.failed])
    #expect(scene.published.isEmpty)
    #expect(history.end?.result == .failed)
    #expect(history.end?.isCanceled == isCanceled)
    #expect(history.isSettled)
    #expect(scene.lostCommits.isEmpty)
    let task = SessionView(history).tasks[0]
    #expect(task.commitment == nil && !task.isPublished && task.wait == nil)
    let lines = try scene.lines().filter { $0.task == 1 && $0.level == .error }
    #expect(lines.map(\.text) == [task.history.message])
  }

  /// Only once the failure is durable may what was staged go.
  private func expectDiscardAfterFailure(_ scene: Scene) throws {
    let failed = try #require(
      scene.facts.firstIndex { if case .publicationFailed = $0 { true } else { false } })
    let discarded = try #require(scene.facts.firstIndex(of: .stagingDiscarded(task: 1, attempt: 1)))
    #expect(failed < discarded)
  }

  @Test("A Restore whose target appeared fails, says what to do, and leaves nothing staged")
  func targetAppeared() throws {
    let scene = try restore()
    try expectFailure(scene)
    try expectDiscardAfterFailure(scene)
    let message = try scene.history.end?.message ?? ""
    #expect(message.hasPrefix("Nothing was restored to /restored: it exists. "))
    #expect(message.hasSuffix("to a new directory in one that exists"))
  }

  /// w1 is lost with the commit, and w2 finds the target taken.
  private func leaveToAnother(holding holds: Set<ScriptedWorker.Hold>) throws -> Scene {
    var scene = try restore(holding: [.publication])
    scene.detach("w1")
    scene.attach("w2")
    scene.change("w2") { $0.holds = holds }
    scene.pass(.seconds(16))
    scene.report("w2")
    #expect(try scene.states() == [.processing])
    scene.pass(.seconds(16))
    scene.settle()
    return scene
  }

  @Test("The same when another worker of the host was to publish")
  func targetAppearedForADuty() throws {
    let scene = try leaveToAnother(holding: [.target])
    try expectFailure(scene)
    try expectDiscardAfterFailure(scene)
  }

  @Test("The same across a restart between the worker's word and the discarding")
  func restart() throws {
    var scene = try restore(holding: [.target, .duties])
    #expect(try scene.states() == [.failed])
    #expect(try !scene.history.isSettled)
    try scene.restart()
    scene.change("w1") { $0.holds = [] }
    scene.attach("w1")
    scene.settle()
    try expectFailure(scene)
  }

  @Test("The worker that comes back late with the committed attempt is told to abandon it")
  func zombie() throws {
    var scene = try leaveToAnother(holding: [.target, .discarding])
    #expect(try scene.states() == [.failed])
    #expect(try !scene.history.isSettled)
    scene.attach("w1")
    scene.settle()
    let attempt = AttemptID(task: TaskID(session: Scene.session, ordinal: 1), number: 1)
    let told = scene.workers[WorkerID(rawValue: "w1")]?.directives ?? []
    #expect(told.last { $0 == .abandon(attempt) || $0 == .commit(attempt) } == .abandon(attempt))
    #expect(scene.published.isEmpty)
  }

  @Test("Word of a publication that comes after the commit was given up changes nothing")
  func lateWord() throws {
    var scene = try restore(holding: [.target, .duties])
    let before = scene.facts
    let attempt = AttemptID(task: TaskID(session: Scene.session, ordinal: 1), number: 1)
    scene.change("w1") {
      $0.attempts = [
        AttemptReport(
          attempt: attempt, readyToCommit: Self.gone, isPublished: true, outcome: .succeeded)
      ]
    }
    scene.report("w1")
    #expect(scene.facts == before)
  }

  @Test("A VM whose restore point can never be published has none, and the session fails loudly")
  func restorePoint() throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.change("w1") { $0.holds = [.target] }
    scene.start(Scene.job(vms: 1))
    scene.settle()
    try expectFailure(scene)
    try expectDiscardAfterFailure(scene)
    #expect(try scene.history.ledger.values.allSatisfy { $0.state == .removed })
    #expect(try scene.history.end?.message.contains("No restore point of vm1 was made") == true)
  }

  @Test("A checkpoint that can't be removed does not hold back the failure for ever")
  func stuckCheckpoint() throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.change("w1") { $0.holds = [.target, .checkpointRemoval] }
    scene.start(Scene.job(vms: 1))
    scene.settle()
    #expect(try scene.states() == [.processing])
    for _ in 0..<8 {
      scene.pass(.seconds(20))
      scene.report("w1")
    }
    #expect(try scene.states() == [.failed])
    #expect(try scene.history.end?.result == .failed)
    scene.change("w1") { $0.holds = [] }
    scene.pass(.seconds(25))
    scene.report("w1")
    for _ in 0..<80 {
      scene.pass(.seconds(25))
      scene.report("w1")
    }
    #expect(try scene.history.isSettled)
  }

  @Test("A failure to publish for now is no failure: it is tried until it is done")
  func transient() throws {
    var scene = try restore(holding: [.publication])
    scene.change("w1") {
      $0.attempts[0].outcome = .failed(message: "no space", isRetryable: true)
    }
    scene.settle()
    #expect(try scene.states() == [.succeeded])
    #expect(scene.published.count == 1)
  }

  @Test(
    "An immediate stop ends a commit that is not visible as WARNING, and FAILED if it never can be")
  func immediateStop() throws {
    var scene = try restore(holding: [.publication, .duties])
    scene.stop(.immediate)
    scene.pass(.seconds(11))
    #expect(try scene.states() == [.warning])
    #expect(try scene.history.tasks[0].message.contains("not visible yet"))
    #expect(try scene.history.end?.isCanceled == true)
    #expect(try !scene.history.isSettled)
    scene.change("w1") { $0.holds = [.target] }
    scene.settle()
    try expectFailure(scene, isCanceled: true)
    #expect(scene.core.session(Scene.session) == nil)
  }

  @Test("A term that never heard of a commit's progress shows what the commit vouches for")
  func progressAfterRestart() throws {
    var scene = try restore(holding: [.publication])
    try scene.restart()
    scene.pass(.seconds(31))
    scene.attach("w2")
    scene.settle()
    #expect(try scene.states() == [.succeeded])
    #expect(
      try scene.history.tasks[0].progress == TaskProgress(totalBytes: 100, processedBytes: 100))
  }
}
