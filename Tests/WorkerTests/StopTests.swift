import BackupModel
import Hypervisor
import Testing

@testable import Worker

/// Where a test stops a backup.
enum Moment: String, CaseIterable, Sendable {
  case assigned, creatingCheckpoint, openingDisks, transferring, awaitingPermit

  /// Leads the attempt there. Returns what must be opened for it to go on.
  func reach(_ task: TaskSpecification, on bed: WorkerBed) async throws -> Gate? {
    let coordinator = bed.coordinator
    let call: FakeHypervisor.Call? =
      switch self {
      case .creatingCheckpoint: .create
      case .openingDisks: .open
      case .transferring: .read
      case .assigned, .awaitingPermit: nil
      }
    let gate = call.map(bed.hypervisor.stop)
    try await coordinator.say(.assign(task))
    _ = try await coordinator.attempt(task.attempt) { _ in true }
    guard self != .assigned else { return nil }
    try await coordinator.say(.proceed(task.attempt))
    if let gate {
      try await gate.reached()
    } else {
      _ = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
    }
    return gate
  }
}

@Suite("Stopping what a worker runs", .timeLimit(.minutes(1)))
struct StopTests {
  @Test("A cancel leaves nothing, whenever it comes", arguments: Moment.allCases)
  func cancels(at moment: Moment) async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      let gate = try await moment.reach(task, on: bed)
      try await coordinator.say(.cancel(task.attempt))
      // A read that is under way is cut; a call that can't be cut is waited for.
      if moment != .transferring { gate?.open() }
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .canceled)
      #expect(!end.isPublished)
      #expect(try bed.leftovers() == [])
      if moment == .transferring { #expect(bed.hypervisor.disks.allSatisfy { $0.reads.isEmpty }) }
      try await coordinator.say(.release(task.attempt))
      try await coordinator.forgotten(task.attempt)
    }
  }

  @Test("A cancel that races with the transfer's end leaves nothing either", arguments: 0..<10)
  func cancelRaces(round: Int) async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      let gate = try await Moment.transferring.reach(task, on: bed)
      gate?.open()
      for _ in 0..<round { await Task.yield() }
      try await coordinator.say(.cancel(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .canceled, "round \(round)")
      #expect(try bed.leftovers() == [], "round \(round)")
    }
  }

  @Test("After the commit a cancel changes nothing")
  func cancelAfterCommit() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      let summary = try await bed.stage(task)
      try await coordinator.say(.commit(task.attempt), .cancel(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .succeeded)
      #expect(try bed.repository.openRestorePoint(summary.id).summary == summary)
    }
  }

  @Test("A worker that is drained finishes what it has, takes nothing more, and ends")
  func drains() async throws {
    let bed = try WorkerBed()
    let (task, late) = (bed.specification(1), bed.specification(2, session: "s2"))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await bed.runtime.run() }
      let coordinator = bed.coordinator
      _ = try await coordinator.registration(1)
      let gate = try await Moment.transferring.reach(task, on: bed)
      bed.runtime.drain()
      bed.runtime.drain()
      _ = try await coordinator.report { $0.isDraining ? () : nil }
      try await coordinator.say(.assign(late))
      gate?.open()
      _ = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      try await coordinator.say(.commit(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .succeeded)
      try await coordinator.say(.release(task.attempt))
      try await group.waitForAll()
      #expect(!coordinator.reports.contains { $0.attempts.contains { $0.attempt == late.attempt } })
      #expect(try bed.repository.restorePoints().count == 1)
    }
  }

  @Test("A canceled worker that can't clean up ends after its bound all the same")
  func boundsCleanUp() async throws {
    let clock = ManualClock()
    let bed = try WorkerBed(clock: clock)
    let task = bed.specification()
    let gate = bed.hypervisor.stop(at: .remove)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await bed.runtime.run() }
      _ = try await bed.coordinator.registration(1)
      _ = try await bed.stage(task)
      bed.runtime.cancel()
      try await gate.reached()
      group.addTask {
        // Time passes for as long as the worker still looks at it.
        while !Task.isCancelled {
          clock.advance(by: .seconds(1))
          await Task.yield()
        }
      }
      try await group.next()
      group.cancelAll()
    }
    gate.open()
    #expect(clock.now >= ManualClock().now.advanced(by: .seconds(60)))
  }

  @Test(
    "A worker without work ends at once when it is drained, attached or not",
    arguments: [true, false])
  func drainsIdle(isAttached: Bool) async throws {
    let bed = try WorkerBed()
    if !isAttached { bed.transport.disconnect() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await bed.runtime.run() }
      if isAttached { _ = try await bed.coordinator.registration(1) }
      bed.runtime.drain()
      try await group.waitForAll()
    }
  }

  @Test(
    "A canceled worker cleans up and ends; what waits for a permit stays staged",
    arguments: Moment.allCases)
  func cancelsWorker(at moment: Moment) async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await bed.runtime.run() }
      _ = try await bed.coordinator.registration(1)
      let gate = try await moment.reach(task, on: bed)
      bed.runtime.cancel()
      if moment != .transferring { gate?.open() }
      try await group.waitForAll()
    }
    #expect(bed.hypervisor.checkpoints.isEmpty)
    let staged = try bed.repository.stagedAttempts()
    #expect(staged == (moment == .awaitingPermit ? [task.attempt] : []))
    #expect(bed.hypervisor.disks.filter { !$0.isClosed }.isEmpty)
  }
}
