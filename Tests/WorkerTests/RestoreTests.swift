import BackupModel
import Foundation
import Repository
import Testing
import WorkerCore

@testable import Worker

@Suite("A restore on a worker", .timeLimit(.minutes(1)))
struct RestoreTests {
  @Test(
    "A whole restore: every disk is an image with the same bytes, sparse, under the target's name")
  func wholeRestore() async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let point = try await bed.backUp()
      let task = bed.restoration(of: point.id)
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      let ready = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      let target = bed.directory + "/restored"
      let bytes = UInt64(bed.content.bytes.count + 5)
      #expect(ready.readyToCommit == .restoredDisks(targetDirectory: target, bytes: bytes))
      #expect(ready.checkpoint == .none)
      #expect(!FileManager.default.fileExists(atPath: target))
      try await coordinator.say(.commit(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .succeeded)
      #expect(end.progress.processedBytes == bytes)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: target).sorted() == [
          "disk0.raw", "swap.raw",
        ])
      let restored = try Data(contentsOf: URL(fileURLWithPath: target + "/disk0.raw"))
      #expect(restored == Data(bed.content.bytes))
      #expect(try allocatedBytes(target + "/disk0.raw") < bed.content.bytes.count / 2)
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: target + "/swap.raw")) == Data([1, 2, 3, 4, 5]))
    }
  }

  @Test(
    "A canceled restore removes the partial target; the restore point stays whole",
    arguments: [false, true])
  func cancels(isReady: Bool) async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let point = try await bed.backUp()
      let task = bed.restoration(of: point.id)
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      if isReady {
        _ = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      } else {
        _ = try await coordinator.attempt(task.attempt) { $0.phase == .transferring }
      }
      try await coordinator.say(.cancel(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .canceled)
      let left = try FileManager.default.contentsOfDirectory(atPath: bed.directory)
      #expect(left == ["repository"])
      #expect(try bed.repository.openRestorePoint(point.id).verify() == [])
    }
  }

  @Test("Other formats than raw are converted from a verified raw image, of which nothing is left")
  func converts() async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let point = try await bed.backUp()
      let task = bed.restoration(of: point.id, format: .vhdx)
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      _ = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      try await coordinator.say(.commit(task.attempt))
      _ = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      let target = bed.directory + "/restored"
      let names = try FileManager.default.contentsOfDirectory(atPath: target).sorted()
      #expect(names == ["disk0.vhdx", "swap.vhdx"])
      let image = try Data(contentsOf: URL(fileURLWithPath: target + "/disk0.vhdx"))
      #expect(image == Data("vhdx".utf8) + Data(bed.content.bytes))
    }
  }

  @Test("A cancel ends a conversion too, and leaves nothing of it")
  func cancelsConversion() async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let point = try await bed.backUp()
      let gate = bed.hypervisor.stop(at: .convert)
      let task = bed.restoration(of: point.id, format: .qcow2)
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      try await gate.reached()
      try await coordinator.say(.cancel(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .canceled)
      let left = try FileManager.default.contentsOfDirectory(atPath: bed.directory)
      #expect(left == ["repository"])
    }
  }

  @Test("A target that exists is refused, and left as it is")
  func refusesTarget() async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let point = try await bed.backUp()
      let path = bed.directory + "/restored"
      try Data([1]).write(to: URL(fileURLWithPath: path))
      let task = bed.restoration(of: point.id)
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      guard case .failed(let message, isRetryable: false) = end.outcome else {
        Issue.record("\(String(describing: end.outcome))")
        return
      }
      #expect(message.contains("exists already"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1]))
    }
  }

  @Test(
    "A target that appeared while the restore ran is not replaced, and nothing is left once that is said"
  )
  func doesNotReplace() async throws {
    let bed = try WorkerBed()
    try await bed.run { coordinator in
      let point = try await bed.backUp()
      let task = bed.restoration(of: point.id)
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      _ = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      let path = bed.directory + "/restored"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      try await coordinator.say(.commit(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      guard case .failed(let message, isRetryable: false) = end.outcome else {
        Issue.record("\(String(describing: end.outcome))")
        return
      }
      #expect(message == "\(path) exists already, and is not of this restore")
      // Until the coordinator knows, another worker must see that nothing was renamed.
      let names = { try FileManager.default.contentsOfDirectory(atPath: bed.directory).sorted() }
      #expect(try names() == ["repository", "restored", "restored.partial-\(task.attempt)"])
      try await coordinator.say(.release(task.attempt))
      try await coordinator.forgotten(task.attempt)
      #expect(try await bed.perform(.discardStaging(task)) == nil)
      #expect(try names() == ["repository", "restored"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }
  }

  @Test("A restore point that is not there fails the restore")
  func missingPoint() async throws {
    let bed = try WorkerBed()
    let task = bed.restoration(of: RestorePointID(task: bed.specification().attempt.task))
    try await bed.run { coordinator in
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      guard case .failed(_, isRetryable: false) = end.outcome else {
        Issue.record("\(String(describing: end.outcome))")
        return
      }
      #expect(try bed.leftovers() == [])
    }
  }

  @Test(
    "An image that does not give back what was written, or zeros elsewhere, is found out",
    arguments: [
      (94_000, "bytes 90000..<95000"), (5, "though the disk has a hole"),
      (19_999, "though the disk has a hole"), (99_999, "though the disk has a hole"),
      (3 << 20, "though the disk has a hole"), (5 << 20, "bytes where the disk has"),
    ])
  func findsFaults(offset: Int, complaint: String) throws {
    let bed = try WorkerBed()
    let path = bed.directory + "/image"
    let size: UInt64 = 5 << 20
    let image = RestoredImage(
      file: try RawImageFile(creatingAt: path, size: size), path: path, size: size)
    try image.write([UInt8](repeating: 8, count: 5000).span.bytes, at: 90_000)
    try image.write([UInt8](repeating: 7, count: 5000).span.bytes, at: 20_000)
    try image.synchronize()
    try image.readBack(Cancellation())
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([9]))
    try file.close()
    let failure = #expect(throws: StepFailure.self) { try image.readBack(Cancellation()) }
    #expect(failure?.message.contains(complaint) == true, "\(failure?.message ?? "")")
  }

  @Test("Image files keep their disks' names, and no two disks share one")
  func names() {
    func names(_ disks: [String], _ format: DiskImageFormat) -> [String] {
      RestoredImageName.names(of: disks.map { DiskID(rawValue: $0) }, in: format)
    }
    #expect(
      names(["disk0.qcow2", "swap.img", "data"], .raw) == ["disk0.raw", "swap.raw", "data.raw"])
    #expect(
      names(["a.raw", "a.QCOW2", "b.x"], .vmdk) == ["a.raw.vmdk", "a.QCOW2.vmdk", "b.x.vmdk"])
  }

  private func allocatedBytes(_ path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw CocoaError(.fileReadUnknown) }
    return Int(status.st_blocks) * 512
  }
}
