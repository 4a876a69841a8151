import BackupModel
import Testing

@testable import CoordinatorCore

/// What holds whatever happens: checked over random conversations, one a seed.
@Suite struct LawTests {
  @Test(
    "Recovery folds the stored records to the very state that the live coordinator has",
    arguments: 0..<150)
  func recoveryEqualsLife(seed: UInt64) throws {
    var scene = try Scene()
    var chance = SplitMix(seed: seed)
    try Conversation.run(&scene, &chance, steps: 120) { scene, step in
      for view in scene.core.allSessions {
        let folded = try SessionHistory(scene.log[view.id] ?? [])
        #expect(folded == view.history, "seed \(seed), step \(step)")
      }
    }
  }

  @Test("Equal events lead to equal effects", arguments: 0..<30)
  func deterministic(seed: UInt64) throws {
    func log() throws -> [SessionID: [SessionRecord]] {
      var scene = try Scene()
      var chance = SplitMix(seed: seed)
      try Conversation.run(&scene, &chance, steps: 120) { _, _ in }
      return scene.log
    }
    #expect(try log() == log(), "seed \(seed)")
  }

  @Test(
    "After the storm every session ends, nothing is owed, and stops kept their promise",
    arguments: 0..<150)
  func laws(seed: UInt64) throws {
    var scene = try Scene()
    var chance = SplitMix(seed: seed)
    try Conversation.run(&scene, &chance, steps: 120) { scene, step in
      for records in scene.log.values { try Laws.check(records, "seed \(seed), step \(step)") }
    }
    Conversation.heal(&scene)
    #expect(scene.lostCommits.isEmpty, "seed \(seed): acknowledgedFactsSurvive")
    for (session, records) in scene.log {
      let history = try SessionHistory(records)
      #expect(history.isSettled, "seed \(seed): \(session) is not settled")
      for task in history.tasks {
        let isPublished = scene.published[task.id] != nil
        #expect(isPublished == (task.commit != nil), "seed \(seed), task \(task.id)")
      }
    }
    #expect(scene.workers.values.allSatisfy { $0.attempts.isEmpty }, "seed \(seed)")
  }
}

/// The laws of semantics.md §12 that a log alone can break.
enum Laws {
  static func check(_ records: [SessionRecord], _ place: String) throws {
    var history = try SessionHistory(first: records[0])
    var stopAccepted = false
    for record in records.dropFirst() {
      let before = history
      try history.apply(record)
      switch record.fact {
      case .taskStarted(let task, _):
        let first = before.tasks[task - 1].starts == 0
        #expect(!(first && stopAccepted), "\(place): nothingStartsAfterAStop")
        #expect(!before.isStoppingImmediately, "\(place): nothingStartsAfterAStop")
        if first && before.job.settings.order == .strict {
          let isNext = before.tasks.prefix(task - 1).allSatisfy {
            $0.hasStarted || $0.state.isTerminal
          }
          #expect(isNext, "\(place): virtualMachinesStartInJobOrder")
        }
      case .committed(let task, let attempt, _):
        #expect(
          !before.isStoppingImmediately,
          "\(place): noRestorePointForUnfinishedVMAfterImmediateStop")
        #expect(before.tasks[task - 1].commit == nil, "\(place): atMostOneRestorePoint")
        #expect(
          before.tasks[task - 1].lastAttempt == attempt, "\(place): onlyTheLatestAttemptCommits")
      case .stopAccepted: stopAccepted = true
      case .taskEnded(let task, let state, _, _):
        #expect(!before.tasks[task - 1].state.isTerminal, "\(place): a task ends once")
        let hasCommit = before.tasks[task - 1].commit != nil
        #expect(
          hasCommit == (state == .succeeded || state == .warning), "\(place): listedIffCommitted")
        #expect(
          before.tasks[task - 1].hasStarted || state == .skipped,
          "\(place): only what started ends otherwise than skipped")
      case .sessionStopped(let result, let isCanceled, _):
        #expect(before.end == nil, "\(place): exactlyOneTerminalResult")
        if before.isStoppingImmediately {
          #expect(result == .failed && isCanceled, "\(place): immediate is FAILED")
        }
      case .checkpointCreated(let name):
        #expect(before.ledger[name] != nil, "\(place): everyCheckpointIsInTheLedger")
      default: break
      }
    }
  }
}

/// Random events: workers come, go, stall and die; stops and restarts happen at any time.
enum Conversation {
  static let names = ["w1", "w2", "w3"]

  static func run(
    _ scene: inout Scene, _ chance: inout SplitMix, steps: Int,
    check: (Scene, Int) throws -> Void
  ) throws {
    let type: JobType = chance.pick(JobType.allCases)
    scene.start(
      Scene.job(
        type: type, vms: type == .restore ? 1 : 5, parallelism: chance.pick([1, 2, 4]),
        order: chance.pick(StartOrder.allCases)))
    for step in 0..<steps {
      try act(&scene, &chance, step)
      try check(scene, step)
    }
  }

  private static func act(_ scene: inout Scene, _ chance: inout SplitMix, _ step: Int) throws {
    let name = chance.pick(names)
    switch chance.below(40) {
    case 0..<20: scene.report(name)
    case 20..<23:
      scene.attach(name, host: name == "w3" ? "host-2" : "host-1", slots: 2)
    case 23:
      scene.attach(
        name, host: name == "w3" ? "host-2" : "host-1", slots: 2, incarnation: "i\(step)")
    case 24: scene.detach(name)
    case 25..<28: scene.pass(.seconds(chance.pick([1, 5, 12, 31, 61])))
    case 28..<31:
      scene.change(name) { $0.holds.insert(.transfer(ordinal: chance.pick([1, 2, 3, 4, 5]))) }
    case 31..<34: release(&scene, &chance, name)
    case 34:
      let hold: ScriptedWorker.Hold = chance.pick([
        .unwinding, .checkpointRemoval, .publication, .acknowledgement, .duties,
      ])
      scene.change(name) { $0.holds.insert(hold) }
    case 35:
      scene.change(name) {
        $0.fail(ordinal: chance.pick([1, 2, 3]), isRetryable: chance.below(2) == 0)
      }
    case 36: try scene.restart()
    case 37 where step > 30:
      scene.stop(
        chance.pick(StopMode.allCases), deadline: chance.pick([nil, nil, .after(.seconds(20))]))
    default: scene.report(name)
    }
  }

  private static func release(_ scene: inout Scene, _ chance: inout SplitMix, _ name: String) {
    let held = scene.workers[WorkerID(rawValue: name)]?.holds ?? []
    let all: [ScriptedWorker.Hold] =
      (1...5).map { .transfer(ordinal: $0) }
      + [.unwinding, .checkpointRemoval, .publication, .acknowledgement, .duties]
    let candidates = all.filter(held.contains)
    guard !candidates.isEmpty else { return }
    let hold = chance.pick(candidates)
    scene.change(name) { $0.letGo(hold) }
  }

  /// Faults end: every worker is here and does what it is told.
  static func heal(_ scene: inout Scene) {
    for round in 0..<3 {
      for name in names {
        let incarnation = scene.workers[WorkerID(rawValue: name)]?.incarnation ?? "a"
        scene.attach(
          name, host: name == "w3" ? "host-2" : "host-1", slots: 2,
          incarnation: round == 0 ? "healed" : incarnation)
        scene.change(name) { $0.holds = [] }
      }
      for _ in 0..<60 {
        for name in names { scene.report(name) }
        scene.pass(.seconds(20))
      }
    }
  }
}

/// A small generator of reproducible chance (SplitMix64).
struct SplitMix {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func pick<Element>(_ all: [Element]) -> Element { all[below(all.count)] }
}
