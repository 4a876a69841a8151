import BackupModel
import Testing

@testable import CoordinatorCore

/// The requirements of semantics.md §4 that the coordinator decides, by their numbers.
@Suite struct RequirementTests {
  /// A session of six VMs in which VM `ordinal` is being transferred and those before it are done.
  static func during(
    _ ordinal: Int, type: JobType = .vmBackup, vms: Int = 6, parallelism: Int = 1,
    workers: Int = 1
  ) throws -> Scene {
    var scene = try Scene()
    for number in 1...workers {
      scene.attach("w\(number)", slots: parallelism)
      scene.change("w\(number)") { worker in
        for held in ordinal..<(ordinal + parallelism) {
          worker.holds.insert(.transfer(ordinal: held))
        }
      }
    }
    scene.start(Scene.job(type: type, vms: vms, parallelism: parallelism))
    scene.settle()
    return scene
  }

  @Test("A session without a stop backs up every VM, in order, and succeeds")
  func wholeRun() throws {
    var scene = try Scene()
    scene.attach("w1")
    scene.start()
    scene.settle()
    let history = try scene.history
    #expect(history.end?.result == .success)
    #expect(history.end?.isCanceled == false)
    #expect(history.isSettled)
    #expect(scene.restorePoints == [1, 2, 3, 4, 5, 6])
    #expect(scene.core.session(Scene.session) == nil)
    #expect(scene.workers.values.allSatisfy { $0.checkpoints.isEmpty && $0.attempts.isEmpty })
  }

  @Test(
    "R1: a stop is accepted in every state that is not terminal",
    arguments: StopMode.allCases)
  func acceptedInEveryState(mode: StopMode) throws {
    var seen: Set<SessionState> = []
    var waiting = try Scene()
    waiting.start()
    seen.insert(try waiting.history.state)
    #expect(waiting.outcome(waiting.stop(mode)) == .accepted)

    var working = try Self.during(2)
    seen.insert(try working.history.state)
    #expect(working.outcome(working.stop(mode)) == .accepted)

    var post = try Self.postprocessing()
    seen.insert(try post.history.state)
    #expect(post.outcome(post.stop(mode)) == .accepted)
    #expect(seen == [.waitingSlot, .working, .postprocessing])
  }

  /// A session whose only VM has failed, while its checkpoint can't be removed.
  static func postprocessing() throws -> Scene {
    var scene = try Self.during(1, vms: 1)
    scene.change("w1") { worker in
      worker.holds.insert(.checkpointRemoval)
      worker.fail(ordinal: 1, isRetryable: false)
    }
    scene.report("w1")
    scene.report("w1")
    return scene
  }

  @Test("R1: the durable record of a stop comes with its reply")
  func durableBeforeReply() throws {
    var scene = try Self.during(2)
    scene.stop(.immediate)
    #expect(scene.effects.replies.count == 1)
    #expect(
      scene.effects.records.contains {
        if case .stopAccepted = $0.fact { true } else { false }
      })
  }

  @Test("R4: a graceful stop without a deadline waits as long as the VM in process needs")
  func gracefulWaits() throws {
    var scene = try Self.during(2)
    scene.stop(.graceful)
    for _ in 0..<100 {
      scene.report("w1")
      scene.pass(.seconds(20))
    }
    #expect(try scene.history.state == .stopping)
    #expect(try scene.history.tasks[1].state == .processing)
    scene.change("w1") { $0.letGo(.transfer(ordinal: 2)) }
    scene.settle()
    #expect(scene.restorePoints == [1, 2])
  }

  @Test("R5: after an immediate stop a commit is refused, though the worker is ready for it")
  func commitAfterStopIsRefused() throws {
    var scene = try Self.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.unwinding)
      worker.letGo(.transfer(ordinal: 2))
    }
    scene.stop(.immediate)
    scene.report("w1")
    #expect(try scene.history.tasks[1].commit == nil)
    #expect(scene.workers[WorkerID(rawValue: "w1")]?.directives.last == .cancel(attempt(2)))
  }

  @Test("R5: a commit that stands before an immediate stop keeps its restore point")
  func commitBeforeStopStands() throws {
    var scene = try Self.during(2)
    scene.change("w1") { worker in
      worker.holds.insert(.publication)
      worker.letGo(.transfer(ordinal: 2))
    }
    scene.report("w1")
    scene.stop(.immediate)
    scene.change("w1") { $0.letGo(.publication) }
    scene.settle()
    #expect(scene.restorePoints == [1, 2])
    #expect(try scene.states() == [.succeeded, .succeeded] + .init(repeating: .skipped, count: 4))
    #expect(try scene.history.end?.result == .failed)
  }

  @Test("R6: under a graceful stop the VM in process commits, unless it fails by itself")
  func gracefulKeepsTheRightToCommit() throws {
    var scene = try Self.during(2)
    scene.stop(.graceful)
    scene.change("w1") { $0.fail(ordinal: 2, isRetryable: false) }
    scene.settle()
    #expect(try scene.states()[1] == .failed)
    #expect(try scene.history.end?.result == .failed)
    #expect(try scene.history.end?.isCanceled == false)
    #expect(scene.restorePoints == [1])
  }

  @Test(
    "R8: STOP_ACCEPTED, then per VM CHECKPOINT_REMOVAL_REQUESTED, TASK_CANCELED, SESSION_STOPPED")
  func orderOfAnImmediateStop() throws {
    var scene = try Self.during(1, parallelism: 3)
    let before = scene.records.count
    scene.stop(.immediate)
    scene.settle()
    let facts = scene.facts.dropFirst(before)
    func places(_ matches: (SessionRecord.Fact) -> Bool) -> [Int] {
      facts.indices.filter { matches(facts[$0]) }
    }
    let accepted = places { if case .stopAccepted = $0 { true } else { false } }
    let requested = places { if case .checkpointRemovalRequested = $0 { true } else { false } }
    let canceled = places { if case .taskEnded(_, .canceled, _, _) = $0 { true } else { false } }
    let stopped = places { if case .sessionStopped = $0 { true } else { false } }
    #expect(accepted.count == 1 && requested.count == 3 && canceled.count == 3)
    #expect(stopped.count == 1)
    let ranges = [accepted, requested, canceled, stopped]
    for (earlier, later) in zip(ranges, ranges.dropFirst()) {
      #expect((earlier.max() ?? 0) < (later.min() ?? 0))
    }
  }

  @Test("R9: an immediate stop makes the session FAILED and canceled, always", arguments: 1...6)
  func immediateFails(ordinal: Int) throws {
    var scene = try Self.during(ordinal)
    scene.stop(.immediate)
    scene.settle()
    let end = try scene.history.end
    #expect(end?.result == .failed && end?.isCanceled == true)
    #expect(end?.message == Message.canceledByUser)
  }

  @Test("R12: a graceful stop is accepted for its three types", arguments: JobType.allCases)
  func gracefulTypes(type: JobType) throws {
    var scene = try Self.during(1, type: type, vms: 1)
    let before = scene.core.session(Scene.session)
    let answer = scene.stop(.graceful)
    if [.vmBackup, .replication, .unstructuredDataBackup].contains(type) {
      #expect(scene.outcome(answer) == .accepted)
    } else {
      // R13: refused without any side effect, and the message says what is possible.
      #expect(scene.refusal(answer) == .gracefulStopNotSupported(type))
      #expect(
        scene.refusal(answer)?.message
          == "Graceful stop is not supported for \(type.title) jobs; stop the job immediately instead"
      )
      #expect(scene.effects.records.isEmpty && scene.effects.messages.isEmpty)
      #expect(scene.core.session(Scene.session) == before)
    }
  }

  @Test("R13: an immediate stop is accepted for all six types", arguments: JobType.allCases)
  func immediateForAll(type: JobType) throws {
    var scene = try Self.during(1, type: type, vms: 1)
    #expect(scene.outcome(scene.stop(.immediate)) == .accepted)
    scene.settle()
    #expect(try scene.history.isSettled)
    #expect(try scene.states() == [.canceled])
    #expect(scene.restorePoints.isEmpty)
  }

  @Test("R14: VM k+1 never starts before VM k has, with several workers", arguments: [1, 2, 3, 6])
  func startOrder(parallelism: Int) throws {
    var scene = try Scene()
    for number in 1...3 { scene.attach("w\(number)", slots: 2) }
    scene.start(Scene.job(parallelism: parallelism))
    scene.settle()
    let starts = scene.facts.compactMap {
      if case .taskStarted(let task, _) = $0 { task } else { nil }
    }
    #expect(starts == [1, 2, 3, 4, 5, 6])
    #expect(try scene.history.end?.result == .success)
  }

  @Test("R14: STRICT waits for a VM that no worker can serve; BEST_EFFORT passes it over")
  func passingOver() throws {
    for order in StartOrder.allCases {
      var scene = try Scene()
      scene.attach("w1")
      var draft = Scene.job(vms: 3, order: order)
      draft.objects[1].hypervisor = "libvirt"
      scene.start(draft)
      scene.settle()
      let states = try scene.states()
      #expect(states[1] == .pending)
      #expect(states[2] == (order == .strict ? .pending : .succeeded))
      scene.attach("w2", drivers: ["libvirt"])
      scene.settle()
      #expect(try scene.history.end?.result == .success)
    }
  }

  @Test("R14: the order is a snapshot of the job at the start")
  func orderIsASnapshot() throws {
    var scene = try Self.during(2)
    var objects = Scene.job().objects
    objects.reverse()
    scene.ask(
      .updateJob(
        JobID(rawValue: "nightly"), JobChanges(objects: objects), revision: nil, requestID: ""))
    scene.change("w1") { $0.letGo(.transfer(ordinal: 2)) }
    scene.settle()
    #expect(
      try scene.history.tasks.map(\.object.virtualMachine.rawValue)
        == (1...6).map { "vm\($0)" })
  }

  @Test("R15: a view shows what is done, what is in process with its phase and bytes, what waits")
  func view() throws {
    let scene = try Self.during(4)
    let view = try #require(scene.core.session(Scene.session))
    #expect(view.state == .working)
    #expect(view.tasks.prefix(3).allSatisfy { $0.state == .succeeded && $0.isPublished })
    #expect(view.tasks[3].phase == .transferring)
    #expect(view.tasks[3].progress.processedBytes == 50)
    #expect(view.tasks[4].wait == .turn)
    #expect(view.progress.processedBytes == 350)
    #expect(view.sequence == scene.records.count)
  }

  @Test("R16: graceful before the first start is FAILED, canceled, without any checkpoint")
  func gracefulBeforeTheFirstStart() throws {
    for hasWorker in [false, true] {
      var scene = try Scene()
      if hasWorker {
        scene.attach("w1")
        scene.change("w1") { $0.holds.insert(.acknowledgement) }
      }
      scene.start()
      scene.stop(.graceful)
      scene.settle()
      let history = try scene.history
      #expect(history.end?.result == .failed && history.end?.isCanceled == true)
      #expect(history.end?.message == "Operation was canceled by user")
      #expect(history.isSettled && history.ledger.isEmpty)
      #expect(try scene.states() == .init(repeating: .skipped, count: 6))
      #expect(scene.restorePoints.isEmpty)
    }
  }

  @Test("R17: six VMs, immediate stop during the k-th: those before it have restore points")
  func immediateGolden() throws {
    for (workers, ordinal) in [1, 3].flatMap({ w in (1...6).map { (w, $0) } }) {
      var scene = try Self.during(ordinal, workers: workers)
      scene.stop(.immediate)
      scene.settle()
      #expect(scene.restorePoints == Array(1..<ordinal))
      let left = 6 - ordinal
      #expect(
        try scene.states() == .init(repeating: .succeeded, count: ordinal - 1) + [.canceled]
          + .init(repeating: .skipped, count: left))
      #expect(scene.workers.values.allSatisfy { $0.checkpoints.isEmpty })
      #expect(try scene.history.isSettled)
    }
  }

  @Test("R18: six VMs, graceful stop during the k-th: those up to it have restore points")
  func gracefulGolden() throws {
    for (workers, ordinal) in [1, 3].flatMap({ w in (1...6).map { (w, $0) } }) {
      var scene = try Self.during(ordinal, workers: workers)
      scene.stop(.graceful)
      for id in scene.workers.keys.sorted() {
        scene.change(id.rawValue) { $0.letGo(.transfer(ordinal: ordinal)) }
      }
      scene.settle()
      #expect(scene.restorePoints == Array(1...ordinal))
      let end = try scene.history.end
      #expect(end?.result == (ordinal == 6 ? .success : .warning))
      #expect(end?.isCanceled == false)
      #expect(
        end?.message
          == "Job was stopped gracefully: \(ordinal) of 6 VM(s) processed, \(6 - ordinal) not started"
      )
      #expect(scene.workers.values.allSatisfy { $0.checkpoints.isEmpty })
    }
  }

  @Test("R22: of several VMs in process, immediate cancels all and graceful waits for all")
  func severalInProcess() throws {
    var immediate = try Self.during(2, parallelism: 3)
    immediate.stop(.immediate)
    immediate.settle()
    #expect(immediate.restorePoints == [1])
    #expect(
      try immediate.states()
        == [.succeeded, .canceled, .canceled, .canceled, .skipped, .skipped])

    var graceful = try Self.during(2, parallelism: 3)
    graceful.stop(.graceful)
    #expect(try graceful.history.stop?.request.stopSet == [2, 3, 4])
    for ordinal in [4, 2, 3] {
      graceful.settle()
      #expect(try graceful.history.state == .stopping)
      graceful.change("w1") { $0.letGo(.transfer(ordinal: ordinal)) }
    }
    graceful.settle()
    #expect(graceful.restorePoints == [1, 2, 3, 4])
  }

  @Test("R23: a stop's record says who, from where, why, and by which request")
  func whoStopped() throws {
    var scene = try Self.during(2)
    scene.stop(.immediate, by: "bob", requestID: "r-7")
    let request = try scene.history.stop?.request
    #expect(
      request?.requester
        == Requester(principal: "bob", peer: "unix:", reason: "maintenance", requestID: "r-7"))
    #expect(request?.accepted == scene.now)
  }
}

/// Attempt 1 of a VM of the test's session.
func attempt(_ ordinal: Int, _ number: Int = 1) -> AttemptID {
  AttemptID(task: TaskID(session: Scene.session, ordinal: ordinal), number: number)
}
