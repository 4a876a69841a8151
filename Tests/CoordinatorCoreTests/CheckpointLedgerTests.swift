import BackupModel
import Testing

@testable import CoordinatorCore

/// The checkpoint ledger (semantics.md §6).
@Suite struct CheckpointLedgerTests {
  @Test("The intent is durable before the worker may make the checkpoint")
  func intentFirst() throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.change("w1") { $0.holds.insert(.transfer(ordinal: 1)) }
    scene.start()
    let effects = scene.report("w1")
    #expect(
      effects.records.map(\.fact).contains {
        if case .checkpointIntended(let record) = $0 {
          record.name == CheckpointName(attempt: attempt(1))
        } else {
          false
        }
      })
    #expect(effects.messages.contains { $0.content == .directive(.proceed(attempt(1))) })
  }

  @Test("A removal is tried five times quickly, then every 15 min for 4 h, then a person must look")
  func schedule() throws {
    var scene = try stuckRemoval()
    let name = CheckpointName(attempt: attempt(1))
    for _ in 0..<4000 {
      guard try scene.history.ledger[name]?.state == .removalRequested else { break }
      scene.pass(.seconds(10))
      scene.report("w1")
    }
    let waits = scene.records.compactMap { record -> Duration? in
      guard case .checkpointRemovalFailed(_, _, _, let next?) = record.fact else { return nil }
      return next.duration(since: record.time)
    }
    let entry = try #require(try scene.history.ledger[name])
    #expect(entry.state == .actionRequired)
    #expect(entry.tries == 21)
    #expect(waits.prefix(4) == [.seconds(1), .seconds(3), .seconds(10), .seconds(30)])
    #expect(waits.dropFirst(4) == .init(repeating: .seconds(15 * 60), count: 16)[...])
    #expect(try scene.history.state == .stopped)
    #expect(try !scene.history.isSettled)

    // A worker that registers on that host is a new chance.
    scene.attach("w1", incarnation: "b")
    scene.settle()
    #expect(try scene.history.isSettled)
  }

  /// An immediate stop whose checkpoint can't be removed by anyone.
  private func stuckRemoval() throws -> Scene {
    var scene = try RequirementTests.during(1, vms: 1)
    scene.change("w1") { $0.holds.insert(.checkpointRemoval) }
    scene.stop(.immediate)
    scene.report("w1")
    for _ in 0..<7 {
      scene.pass(.seconds(10))
      scene.report("w1")
    }
    return scene
  }

  @Test("Checkpoint removal in the session is bounded to 60 s; the message names the operation")
  func handedOn() throws {
    let scene = try stuckRemoval()
    let history = try scene.history
    #expect(history.state == .stopped && history.end?.result == .failed)
    #expect(history.checkpointsLeft == 1 && !history.isSettled)
    let texts = try scene.lines().map(\.text)
    #expect(texts.contains("Removing VM checkpoint"))
    #expect(
      texts.contains(
        "Checkpoint belay.s1.1.1 could not be removed, attempt 1: in use; will be retried"))
    #expect(
      texts.contains(
        "1 checkpoint(s) still to be removed, see operation jobs/nightly/sessions/s1/operations/cleanup"
      ))
  }

  @Test(
    "An attempt that can't remove its checkpoint gives the task up after 60 s; no worker was lost")
  func givenUp() throws {
    var scene = try RequirementTests.during(1, vms: 1)
    scene.change("w1") { worker in
      worker.attempts[0].checkpoint = .removalFailed(tries: 1, message: "in use")
      worker.attempts[0].phase = .removingCheckpoint
      worker.holds.insert(.duties)
    }
    for _ in 0..<7 {
      scene.report("w1")
      scene.pass(.seconds(10))
    }
    #expect(
      scene.facts.contains(
        .attemptFailed(
          task: 1, attempt: 1, message: "its checkpoint could not be removed in time")))
    #expect(!(try scene.lines().contains { $0.text.contains("was lost") }))
  }

  @Test("A VM whose checkpoint stays is WARNING: it has its restore point")
  func warning() throws {
    var scene = try RequirementTests.during(1, vms: 1)
    scene.change("w1") { worker in
      worker.holds.insert(.checkpointRemoval)
      worker.letGo(.transfer(ordinal: 1))
    }
    for _ in 0..<8 {
      scene.report("w1")
      scene.pass(.seconds(10))
    }
    #expect(scene.restorePoints == [1])
    #expect(try scene.states() == [.warning])
    #expect(try scene.history.end?.result == .warning)
  }

  @Test("A checkpoint that a zombie made after its verified removal enters the ledger again")
  func lateCheckpoint() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.unwinding)
      worker.connection = nil
    }
    scene.pass(.seconds(31))
    scene.attach("w2")
    scene.change("w2") { $0.holds.insert(.transfer(ordinal: 2)) }
    scene.settle()
    let name = CheckpointName(attempt: attempt(2))
    #expect(try scene.history.ledger[name]?.state == .removed)
    scene.attach("w1")
    scene.report("w1")
    #expect(try scene.history.ledger[name]?.state == .removalRequested)
    scene.change("w1") { $0.holds = [] }
    scene.change("w2") { $0.letGo(.transfer(ordinal: 2)) }
    scene.settle()
    #expect(try scene.history.ledger[name]?.state == .removed)
    #expect(try scene.history.isSettled)
  }

  @Test("A leftover of a settled session is removed only if that session's ledger names it")
  func strays() throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.start()
    scene.settle()
    let known = try #require(scene.history.ledger.values.first).record
    let foreign = CheckpointRecord(
      name: CheckpointName(
        attempt: AttemptID(
          task: TaskID(session: SessionID(rawValue: "of-another-coordinator"), ordinal: 1),
          number: 1)),
      host: known.host, hypervisor: known.hypervisor, virtualMachine: known.virtualMachine)
    scene.attach("w2", leftovers: [known, foreign])
    #expect(scene.effects.lookups == [Scene.session, foreign.name.attempt.task.session])
    scene.send(.sessionLookedUp(foreign.name.attempt.task.session, []))
    #expect(scene.effects.messages.isEmpty)
    scene.send(.sessionLookedUp(Scene.session, scene.records))
    #expect(
      scene.effects.messages.map(\.content) == [.directive(.perform(.removeCheckpoint(known)))])
    scene.settle()
    scene.pass(.seconds(120))
    #expect(scene.effects.messages.isEmpty)
  }

  @Test("Another host's claim to find a checkpoint is not believed")
  func foreignHost() throws {
    var scene = try RequirementTests.during(2)
    let record = CheckpointRecord(
      name: CheckpointName(attempt: attempt(1)), host: HostID(rawValue: "host-9"),
      hypervisor: "disk-images", virtualMachine: VirtualMachineID(rawValue: "vm1"))
    let before = scene.records
    scene.attach("w2", leftovers: [record])
    #expect(scene.records == before)
  }
}
