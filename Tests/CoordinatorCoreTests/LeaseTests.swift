import BackupModel
import Testing

@testable import CoordinatorCore

/// Leases, lost workers, zombies and restarts (semantics.md §7).
@Suite struct LeaseTests {
  @Test("A lost worker's VM goes to another worker, after what it left is removed")
  func anotherAttempt() throws {
    var scene = try RequirementTests.during(2)
    scene.attach("w2", slots: 2)
    scene.change("w2") { $0.holds.insert(.duties) }
    scene.detach("w1")
    scene.pass(.seconds(15))
    scene.report("w2")
    scene.pass(.seconds(15))
    #expect(try scene.states()[1] == .pending)
    #expect(scene.core.session(Scene.session)?.tasks[1].wait == .leftovers)
    #expect(
      try scene.lines().map(\.text).contains(
        "Worker w1 was lost; processing will be repeated (attempt 2)"))
    scene.change("w2") { $0.holds = [] }
    scene.pass(.seconds(15))
    scene.report("w2")
    scene.pass(.seconds(50))
    scene.report("w2")
    scene.settle()
    #expect(scene.restorePoints == [1, 2, 3, 4, 5, 6])
    #expect(scene.published[TaskID(session: Scene.session, ordinal: 2)] == 2)
    #expect(try scene.history.end?.result == .success)
  }

  @Test("A broken stream is no death: the same worker comes back within its lease and goes on")
  func reconnect() throws {
    var scene = try RequirementTests.during(2)
    scene.detach("w1")
    scene.pass(.seconds(20))
    scene.attach("w1")
    scene.change("w1") { $0.letGo(.transfer(ordinal: 2)) }
    scene.settle()
    #expect(scene.published[TaskID(session: Scene.session, ordinal: 2)] == 1)
    #expect(scene.restorePoints.count == 6)
  }

  @Test("A new incarnation has lost what the old one ran")
  func incarnation() throws {
    var scene = try RequirementTests.during(2)
    let leftover = try #require(scene.history.ledger.values.first { $0.state == .created }).record
    scene.attach("w1", incarnation: "b", leftovers: [leftover])
    #expect(
      scene.effects.records.contains {
        $0.fact == .attemptLost(task: 2, attempt: 1, worker: WorkerID(rawValue: "w1"))
      })
    scene.settle()
    #expect(scene.restorePoints == [1, 2, 3, 4, 5, 6])
    #expect(try scene.history.isSettled)
  }

  @Test("An acknowledged attempt that vanishes from the reports is lost")
  func vanished() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { $0.attempts = [] }
    scene.report("w1")
    #expect(try scene.history.tasks[1].current == nil)
  }

  @Test("An assignment that does not arrive is said again, and goes to another worker in time")
  func lostAssignment() throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.change("w1") { $0.holds.insert(.acknowledgement) }
    scene.start()
    #expect(scene.report("w1").messages.contains { isAssignment($0) })
    for _ in 0..<3 {
      scene.pass(.seconds(20))
      scene.report("w1")
    }
    #expect(try scene.history.tasks[0].lastAttempt == 2)
    #expect(try scene.history.tasks[0].starts == 0)
  }

  private func isAssignment(_ message: WorkerMessage) -> Bool {
    if case .directive(.assign) = message.content { true } else { false }
  }

  @Test("After its last attempt a VM fails, and the rest goes on", arguments: [1, 2, 3])
  func attemptsRunOut(maxAttempts: Int) throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.start(Scene.job(vms: 2, maxAttempts: maxAttempts))
    for _ in 0..<maxAttempts {
      scene.change("w1") { $0.holds.insert(.transfer(ordinal: 1)) }
      scene.settle()
      scene.change("w1") { $0.fail(ordinal: 1) }
      scene.report("w1")
    }
    scene.change("w1") { $0.holds = [] }
    scene.settle()
    #expect(try scene.states() == [.failed, .succeeded])
    #expect(try scene.history.tasks[0].starts == maxAttempts)
    #expect(try scene.history.end?.result == .failed)
    #expect(try scene.history.end?.message == "disk error")
  }

  @Test("A member of the stop set keeps its right to another worker")
  func stopSetRetries() throws {
    var scene = try RequirementTests.during(2)
    scene.attach("w2")
    scene.stop(.graceful)
    scene.attach("w1", incarnation: "b")
    scene.settle()
    #expect(scene.restorePoints == [1, 2])
    #expect(try scene.history.end?.result == .warning)
  }

  @Test("A zombie's late wish to commit is answered with abandon")
  func zombieCommit() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.unwinding)
      worker.letGo(.transfer(ordinal: 2))
      worker.connection = nil
    }
    scene.pass(.seconds(31))
    scene.attach("w2")
    scene.attach("w1")
    scene.change("w1") { $0.holds.insert(.acknowledgement) }
    scene.report("w1")
    #expect(
      scene.workers[WorkerID(rawValue: "w1")]?.directives.last { directive in
        if case .abandon = directive { true } else { false }
      } == .abandon(attempt(2)))
    #expect(try scene.history.tasks[1].commit == nil)
    scene.change("w1") { $0.holds = [] }
    scene.settle()
    #expect(scene.published[TaskID(session: Scene.session, ordinal: 2)] != 1)
    #expect(scene.restorePoints.count == 6)
  }

  @Test("A committed attempt is never abandoned: a crash after it is mended by publishing")
  func publishedInRecovery() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.publication)
      worker.letGo(.transfer(ordinal: 2))
    }
    scene.report("w1")
    #expect(try scene.history.tasks[1].commit != nil)
    scene.detach("w1")
    scene.pass(.seconds(31))
    #expect(try scene.states()[1] == .processing)
    #expect(scene.core.session(Scene.session)?.tasks[1].wait == .publication)
    scene.attach("w2", host: "host-1")
    scene.settle()
    #expect(scene.published[TaskID(session: Scene.session, ordinal: 2)] == 1)
    #expect(scene.restorePoints.count == 6)
    #expect(try scene.history.end?.result == .success)
    // The zombie comes back, with the commit unseen: it is never told to discard it.
    scene.attach("w1")
    scene.settle()
    let told = scene.workers[WorkerID(rawValue: "w1")]?.directives ?? []
    #expect(told.contains(.commit(attempt(2))))
  }

  @Test("A committed attempt whose worker falls silent on an open connection is not abandoned")
  func silentAfterCommit() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.publication)
      worker.letGo(.transfer(ordinal: 2))
    }
    scene.report("w1")
    scene.pass(.seconds(31))
    #expect(try scene.history.tasks[1].current == nil)
    scene.report("w1")
    #expect(scene.lostCommits.isEmpty)
    scene.change("w1") { $0.letGo(.publication) }
    scene.settle()
    #expect(scene.restorePoints.count == 6)
  }

  @Test("A worker of another host publishes too, when the repository is the one they share")
  func publishedElsewhere() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.publication)
      worker.letGo(.transfer(ordinal: 2))
    }
    scene.report("w1")
    scene.detach("w1")
    scene.pass(.seconds(31))
    scene.attach("w2", host: "host-2")
    scene.settle()
    #expect(scene.published[TaskID(session: Scene.session, ordinal: 2)] == 1)
    // Its checkpoint needs a worker of its own host: handed on after 60 s, with a warning.
    scene.pass(.seconds(25))
    scene.report("w2")
    scene.pass(.seconds(25))
    scene.report("w2")
    scene.pass(.seconds(25))
    scene.settle()
    #expect(try scene.states()[1] == .warning)
    #expect(try scene.history.end?.result == .warning)
    #expect(try !scene.history.isSettled)
    scene.attach("w3", host: "host-1")
    scene.settle()
    #expect(try scene.history.isSettled)
  }

  @Test("After a restart a session goes on where it was", arguments: 1...6)
  func restart(ordinal: Int) throws {
    var scene = try RequirementTests.during(ordinal)
    try scene.restart()
    #expect(try scene.lines().map(\.text).last == "Coordinator restarted; session resumed")
    scene.attach("w1")
    scene.change("w1") { $0.letGo(.transfer(ordinal: ordinal)) }
    scene.settle()
    #expect(scene.restorePoints == [1, 2, 3, 4, 5, 6])
    #expect(
      try scene.history.tasks.map(\.lastAttempt) == .init(repeating: 1, count: 6))
  }

  @Test("A restart gives leases one grace period, then takes the worker for lost")
  func grace() throws {
    var scene = try RequirementTests.during(2)
    try scene.restart()
    scene.pass(.seconds(29))
    #expect(try scene.history.tasks[1].current != nil)
    scene.pass(.seconds(1))
    #expect(try scene.history.tasks[1].current == nil)
  }

  @Test("A restart while stopping: the stop continues, in both modes", arguments: StopMode.allCases)
  func restartWhileStopping(mode: StopMode) throws {
    var scene = try RequirementTests.during(4)
    scene.change("w1") { $0.holds.insert(.unwinding) }
    scene.stop(mode)
    try scene.restart()
    #expect(try scene.lines().map(\.text).last == "Coordinator restarted; stop continues")
    scene.change("w1") { worker in
      worker.holds = []
      worker.letGo(.transfer(ordinal: 4))
    }
    scene.attach("w1")
    scene.settle()
    #expect(scene.restorePoints == (mode == .immediate ? [1, 2, 3] : [1, 2, 3, 4]))
    #expect(try scene.history.isSettled)
  }

  @Test("A draining worker gets no new task and finishes the one it has")
  func draining() throws {
    var scene = try RequirementTests.during(2)
    scene.change("w1") { worker in
      worker.isDraining = true
      worker.letGo(.transfer(ordinal: 2))
    }
    scene.settle()
    #expect(scene.restorePoints == [1, 2])
    #expect(try scene.states()[2] == .pending)
    scene.attach("w2")
    scene.settle()
    #expect(scene.restorePoints.count == 6)
  }

  @Test("A newer connection of the same worker replaces the older, whose words count no more")
  func replacedConnection() throws {
    var scene = try RequirementTests.during(2)
    let old = try #require(scene.workers[WorkerID(rawValue: "w1")]?.connection)
    scene.attach("w1")
    #expect(
      scene.effects.messages.contains {
        $0.connection == old && $0.content == .disconnect(.replaced)
      })
    let effects = scene.send(
      .workerReported(WorkerID(rawValue: "w1"), old, WorkerReport()))
    #expect(effects.records.isEmpty && effects.messages.isEmpty)
    scene.send(.workerDetached(WorkerID(rawValue: "w1"), old))
    #expect(scene.core.allWorkers[0].connection != nil)
  }

  @Test("A host's VMs go to workers of that host alone; the least loaded takes the next")
  func placement() throws {
    var scene = try Scene()
    for name in ["w1", "w2", "w3"] {
      scene.attach(name, host: name == "w3" ? "host-2" : "host-1", slots: 2)
      scene.change(name) { worker in
        for ordinal in 1...4 { worker.holds.insert(.transfer(ordinal: ordinal)) }
      }
    }
    scene.start(Scene.job(vms: 4, parallelism: 3, host: "host-1"))
    scene.settle()
    let used = try scene.history.tasks.compactMap(\.current?.worker.rawValue)
    #expect(used == ["w1", "w2", "w1"])
  }

  @Test("A commitment to anything but the task's own restore point is refused")
  func foreignCommitment() throws {
    var scene = try RequirementTests.during(2)
    let foreign = Commitment.restorePoint(
      RestorePointSummary(
        id: RestorePointID(task: TaskID(session: Scene.session, ordinal: 1)),
        virtualMachine: VirtualMachineID(rawValue: "vm1"),
        repository: RepositoryID(rawValue: "main"), manifestDigest: "ff", logicalBytes: 1,
        storedBytes: 1))
    scene.change("w1") { $0.attempts[0].readyToCommit = foreign }
    scene.report("w1")
    #expect(try scene.history.tasks[1].commit == nil)
    #expect(
      scene.effects.records.contains {
        if case .attemptFailed(task: 2, attempt: 1, _) = $0.fact { true } else { false }
      })
  }
}
