import BackupModel
import Hypervisor
import Repository
import Testing

@testable import Worker

@Suite("A backup on a worker", .timeLimit(.minutes(1)))
struct BackupTests {
  @Test("A whole backup, step by step: every byte is in the restore point, and nothing is left")
  func wholeBackup() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      let summary = try await bed.stage(task)
      #expect(try bed.repository.restorePoints().isEmpty)
      try await coordinator.say(.commit(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .succeeded)
      #expect(end.isPublished)
      #expect(end.readyToCommit == .restorePoint(summary))
      #expect(end.checkpoint == .removed)
      #expect(end.progress.processedBytes == end.progress.totalBytes)
      #expect(end.progress.totalBytes == UInt64(bed.content.bytes.count + 5))
      try await coordinator.say(.release(task.attempt))
      try await coordinator.forgotten(task.attempt)
      #expect(bed.hypervisor.checkpoints.isEmpty)
      #expect(try bed.repository.stagedAttempts().isEmpty)
      let disk = try bed.repository.openRestorePoint(summary.id).openDisk(WorkerBed.disk)
      #expect(try disk.bytes() == bed.content.bytes)
      for range in bed.hypervisor.disks.flatMap(\.reads) {
        #expect(!bed.content.holes.contains { $0.overlaps(range) }, "a hole was read: \(range)")
      }
    }
  }

  @Test("What is reported never goes back: phases and counters")
  func reportsAreMonotonic() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      _ = try await bed.stage(task)
      try await coordinator.say(.commit(task.attempt))
      _ = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      let reports = coordinator.reports.flatMap(\.attempts)
      let phases = reports.map { TaskPhase.allCases.firstIndex(of: $0.phase) ?? -1 }
      #expect(phases == phases.sorted())
      for keyPath in [\TaskProgress.processedBytes, \.readBytes, \.storedBytes] {
        let counters = reports.map { $0.progress[keyPath: keyPath] }
        #expect(counters == counters.sorted())
      }
    }
  }

  @Test("Nothing is touched before the coordinator says proceed")
  func waitsForProceed() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      try await coordinator.say(.assign(task))
      let report = try await coordinator.attempt(task.attempt) { _ in true }
      #expect(report.phase == .preparing)
      #expect(report.checkpoint == .none)
      #expect(try bed.leftovers() == [])
    }
  }

  @Test("A task past the slots is not taken")
  func refusesPastSlots() async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let tasks = (1...3).map { bed.specification($0) }
      try await coordinator.say(.assign(tasks[0]), .assign(tasks[1]), .assign(tasks[2]))
      let taken = try await coordinator.report { report in
        report.attempts.count == 2 ? report.attempts.map(\.attempt) : nil
      }
      #expect(taken == tasks.prefix(2).map(\.attempt))
    }
  }

  @Test(
    "A step that fails ends the attempt with its reason, and nothing is left",
    arguments: [
      (FakeHypervisor.Call.create, HypervisorError.Code.busy, true), (.create, .invalid, false),
      (.open, .notFound, false), (.open, .timeout, true), (.read, .failed, true),
      (.read, .invalid, false), (.verify, .failed, true), (.verify, .closed, true),
    ])
  func failures(call: FakeHypervisor.Call, code: HypervisorError.Code, isRetryable: Bool)
    async throws
  {
    let bed = try WorkerBed()
    let task = bed.specification()
    bed.hypervisor.fail(call, Array(repeating: HypervisorError(code, "no luck"), count: 50))
    try await bed.run { coordinator in
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .failed(message: "no luck", isRetryable: isRetryable))
      #expect(end.checkpoint == .removed)
      #expect(try bed.leftovers() == [])
    }
  }

  @Test("A checkpoint is verified when all of it was read, and before anything is vouched for")
  func verifiesBeforeStaging() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    let gate = bed.hypervisor.stop(at: .verify)
    bed.hypervisor.fail(.verify, [HypervisorError(.failed, "the freeze did not last")])
    try await bed.run { coordinator in
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      try await gate.reached()
      let read = bed.hypervisor.disks.flatMap(\.reads).reduce(0) { $0 + $1.count }
      #expect(read == bed.content.bytes.count + 5 - bed.content.holes.reduce(0) { $0 + $1.count })
      gate.open()
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(
        end.outcome == .failed(message: "the freeze did not last", isRetryable: true))
      let reports = coordinator.reports.flatMap(\.attempts)
      #expect(reports.allSatisfy { $0.readyToCommit == nil && !$0.isPublished })
      #expect(try bed.leftovers() == [])
    }
  }

  @Test("A VM or a repository that is not there fails the attempt")
  func missingThings() async throws {
    let bed = try WorkerBed()
    var noVM = bed.specification(1)
    noVM.object.virtualMachine = VirtualMachineID(rawValue: "vm-9")
    var noRepository = bed.specification(2)
    noRepository.repositoryPath = bed.directory + "/nowhere"
    var noDriver = bed.specification(3)
    noDriver.object.hypervisor = "other"
    try await bed.run { [noVM, noRepository, noDriver] coordinator in
      for (task, isRetryable) in [(noVM, false), (noRepository, false), (noDriver, true)] {
        try await coordinator.say(.assign(task), .proceed(task.attempt))
        let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
        guard case .failed(let message, isRetryable) = end.outcome else {
          Issue.record("\(task.attempt) ended with \(String(describing: end.outcome))")
          continue
        }
        #expect(!message.isEmpty)
        try await coordinator.say(.release(task.attempt))
      }
      #expect(try bed.leftovers() == [])
    }
  }

  @Test("An attempt that was fenced while it waited can't be published, and says so")
  func fencedBeforePublication() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      _ = try await bed.stage(task)
      try bed.repository.discard(task.attempt)
      try await coordinator.say(.commit(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      guard case .failed(_, isRetryable: false) = end.outcome else {
        Issue.record("\(String(describing: end.outcome))")
        return
      }
      #expect(!end.isPublished)
      #expect(try bed.leftovers() == [])
    }
  }

  @Test("A removal that fails, or that was in vain, is reported and tried again")
  func retriesRemoval() async throws {
    let clock = ManualClock()
    let bed = try WorkerBed(clock: clock)
    let task = bed.specification()
    bed.hypervisor.fail(.remove, [HypervisorError(.busy, "in use")])
    bed.hypervisor.removeInVain(true)
    try await bed.run { coordinator in
      _ = try await bed.stage(task)
      try await coordinator.say(.commit(task.attempt))
      for tries in 1...2 {
        let report = try await coordinator.attempt(task.attempt) { report in
          if case .removalFailed(tries, _) = report.checkpoint { true } else { false }
        }
        #expect(report.isPublished)
        if tries == 2 { bed.hypervisor.removeInVain(false) }
        clock.advance(by: .seconds(2))
      }
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .succeeded)
      #expect(end.checkpoint == .removed)
      #expect(bed.hypervisor.checkpoints.isEmpty)
    }
  }
}

extension WorkerBed {
  /// Leads an attempt up to the moment where it waits for its permit.
  func stage(_ task: TaskSpecification) async throws -> RestorePointSummary {
    try await coordinator.say(.assign(task))
    _ = try await coordinator.attempt(task.attempt) { _ in true }
    try await coordinator.say(.proceed(task.attempt))
    let report = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
    guard case .restorePoint(let summary)? = report.readyToCommit else {
      throw RepositoryError(.invalid, "not a restore point")
    }
    return summary
  }

  /// A restore point of the VM, published.
  func backUp() async throws -> RestorePointSummary {
    let task = specification()
    let summary = try await stage(task)
    try await coordinator.say(.commit(task.attempt))
    _ = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
    try await coordinator.say(.release(task.attempt))
    try await coordinator.forgotten(task.attempt)
    return summary
  }
}

extension StoredDisk {
  func bytes() throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(size))
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try read(at: 0, into: &raw)
    return bytes
  }
}
