import BackupModel
import Foundation
import Hypervisor
import Repository
import Testing

@testable import Worker

@Suite("Duties for attempts whose workers are gone", .timeLimit(.minutes(1)))
struct DutyTests {
  @Test("A checkpoint is removed, and its removal verified; a missing one counts as removed")
  func removesCheckpoint() async throws {
    let bed = try WorkerBed()
    let record = bed.record(of: bed.specification(1, session: "old"))
    bed.hypervisor.add(record.name, of: WorkerBed.vm)
    try await bed.run { _ async throws in
      #expect(try await bed.perform(.removeCheckpoint(record)) == nil)
      #expect(bed.hypervisor.checkpoints.isEmpty)
      #expect(try await bed.perform(.removeCheckpoint(record)) == nil)
    }
  }

  @Test("A duty that can't be done says why, and can be asked for again")
  func reportsFailure() async throws {
    let bed = try WorkerBed()
    let record = bed.record(of: bed.specification(1, session: "old"))
    bed.hypervisor.add(record.name, of: WorkerBed.vm)
    bed.hypervisor.fail(.remove, [HypervisorError(.busy, "in use")])
    bed.hypervisor.removeInVain(true)
    try await bed.run { _ async throws in
      #expect(try await bed.perform(.removeCheckpoint(record)) == "in use")
      #expect(try await bed.perform(.removeCheckpoint(record))?.contains("still there") == true)
      bed.hypervisor.removeInVain(false)
      #expect(try await bed.perform(.removeCheckpoint(record)) == nil)
    }
  }

  @Test("What another worker staged is published, once and again")
  func publishes() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    let summary = try bed.stageDirectly(task)
    try await bed.run { _ async throws in
      for _ in 0..<2 {
        #expect(try await bed.perform(.publish(task, .restorePoint(summary))) == nil)
        #expect(try bed.repository.openRestorePoint(summary.id).summary == summary)
      }
    }
  }

  @Test("What another worker staged is discarded, and can't be published after")
  func discards() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    let summary = try bed.stageDirectly(task)
    try await bed.run { _ async throws in
      #expect(try await bed.perform(.discardStaging(task)) == nil)
      #expect(try bed.leftovers() == [])
      let refused = try await bed.report(.publish(task, .restorePoint(summary)))
      #expect(refused.failure != nil && refused.isPermanent)
      #expect(try await bed.perform(.discardStaging(task)) == nil)
    }
  }

  @Test("A restore that another worker left is published or removed")
  func restores() async throws {
    let bed = try WorkerBed()
    let task = bed.restoration(of: RestorePointID(task: bed.specification().attempt.task))
    let target = RestoreTarget(path: bed.directory + "/restored", attempt: task.attempt)
    try await bed.run { _ async throws in
      try target.makePartial()
      #expect(try await bed.perform(.discardStaging(task)) == nil)
      #expect(!FileManager.default.fileExists(atPath: target.partialPath))
      try target.makePartial()
      let commitment = Commitment.restoredDisks(targetDirectory: target.path, bytes: 0)
      for _ in 0..<2 {
        #expect(try await bed.perform(.publish(task, commitment)) == nil)
        #expect(FileManager.default.fileExists(atPath: target.path))
      }
    }
  }

  @Test("A restore whose target appeared, or whose partial directory is gone, is refused for good")
  func refusesForGood() async throws {
    let bed = try WorkerBed()
    let task = bed.restoration(of: RestorePointID(task: bed.specification().attempt.task))
    let target = RestoreTarget(path: bed.directory + "/restored", attempt: task.attempt)
    let duty = Duty.publish(task, .restoredDisks(targetDirectory: target.path, bytes: 0))
    try await bed.run { _ async throws in
      let gone = try await bed.report(duty)
      #expect(gone.failure == "\(target.partialPath) is gone" && gone.isPermanent)
      try target.makePartial()
      try FileManager.default.createDirectory(
        atPath: target.path, withIntermediateDirectories: false)
      let taken = try await bed.report(duty)
      #expect(taken.failure?.contains("exists already") == true && taken.isPermanent)
      #expect(FileManager.default.fileExists(atPath: target.partialPath))
    }
  }

  @Test("A repository that can't be reached is no reason to give a restore point up")
  func waitsForRepository() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    let summary = try bed.stageDirectly(task)
    let elsewhere = task.repositoryPath + ".unmounted"
    try await bed.run { _ async throws in
      try FileManager.default.moveItem(atPath: task.repositoryPath, toPath: elsewhere)
      let report = try await bed.report(.publish(task, .restorePoint(summary)))
      #expect(report.failure != nil && !report.isPermanent)
      try FileManager.default.moveItem(atPath: elsewhere, toPath: task.repositoryPath)
      #expect(try await bed.perform(.publish(task, .restorePoint(summary))) == nil)
    }
  }
}

extension WorkerBed {
  func record(of task: TaskSpecification) -> CheckpointRecord {
    CheckpointRecord(
      name: CheckpointName(attempt: task.attempt), host: HostID(rawValue: "host-a"),
      hypervisor: "fake", virtualMachine: WorkerBed.vm)
  }

  /// Has the worker do a duty. Returns why it failed.
  func perform(_ duty: Duty) async throws -> String? { try await report(duty).failure }

  /// Has the worker do a duty. Returns what it says of it.
  func report(_ duty: Duty) async throws -> DutyReport {
    coordinator.forgetReports()
    try await coordinator.say(.perform(duty))
    return try await coordinator.report { report in report.duties.first { $0.duty == duty } }
  }

  /// As a worker that died after staging.
  func stageDirectly(_ task: TaskSpecification) throws -> RestorePointSummary {
    let writer = try repository.beginRestorePoint(
      RestorePointPlan(
        attempt: task.attempt, job: task.job, virtualMachine: task.object.virtualMachine,
        repository: task.repository, sessionStarted: task.sessionStarted, disks: []))
    return try writer.stage()
  }
}
