internal import BackupModel
import Glibc
internal import Hypervisor
import Repository
import Synchronization
import WorkerCore

/// A Restore's attempt: every disk of a restore point into image files.
final class RestoreWork: AttemptWork {
  private let specification: TaskSpecification
  private let settings: RestoreSettings
  private let target: RestoreTarget
  private let converter: (any Hypervisor)?
  private let cancellation = Cancellation()
  private let counters = Mutex(TaskProgress())

  /// `converter` writes other formats than raw. Nil: this worker can't.
  init(
    _ specification: TaskSpecification, _ settings: RestoreSettings,
    converter: (any Hypervisor)?
  ) {
    self.specification = specification
    self.settings = settings
    self.converter = converter
    target = RestoreTarget(path: settings.targetDirectory, attempt: specification.attempt)
  }

  var progress: TaskProgress { counters.withLock(\.self) }

  func transfer() -> StepResult {
    do {
      try write()
      return .transferred
    } catch {
      return cancellation.isCanceled ? .transferCut : .transferFailed(StepFailure(error))
    }
  }

  func cut() { cancellation.cancel() }

  func stage() -> StepResult {
    do {
      try target.syncPartial()
      return .staged(
        .restoredDisks(targetDirectory: settings.targetDirectory, bytes: progress.totalBytes))
    } catch {
      return .stagingFailed(error)
    }
  }

  func publish(_ commitment: Commitment) -> StepResult {
    do {
      try target.publish()
      return .published
    } catch {
      return .publishFailed(error)
    }
  }

  func discard() -> StepResult {
    do {
      try target.removePartial()
      return .stagingDiscarded
    } catch {
      return .discardFailed(message: error.message)
    }
  }

  private func write() throws {
    let repository = try Repository.open(at: specification.repositoryPath)
    let reader = try repository.openRestorePoint(settings.restorePoint)
    let disks = reader.restorePoint.disks
    counters.withLock { $0.totalBytes = disks.reduce(0) { $0 &+ $1.size } }
    try target.makePartial()
    let names = RestoredImageName.names(of: disks.map(\.id), in: settings.format)
    for (disk, name) in zip(disks, names) {
      let path = target.partialPath + "/" + name
      let disk = try reader.openDisk(disk.id)
      if settings.format == .raw {
        try write(disk, to: path)
      } else {
        try write(disk, to: path, in: settings.format)
      }
    }
  }

  /// By way of a raw file beside it, which is verified, then converted, then removed.
  private func write(_ disk: StoredDisk, to path: String, in format: DiskImageFormat) throws {
    guard let converter else {
      throw StepFailure(
        "This worker has no driver '\(specification.object.hypervisor)' to write \(format.rawValue) images with",
        isRetryable: true)
    }
    let raw = path + ".restoring"
    try write(disk, to: raw)
    try converter.convertImage(from: raw, to: path, format: format) { cancellation.isCanceled }
    guard unlink(raw) == 0 else {
      throw StepFailure(
        "\(raw) could not be removed: \(String(cString: strerror(errno)))", isRetryable: true)
    }
  }

  private func write(_ disk: StoredDisk, to path: String) throws {
    if cancellation.isCanceled { throw StepFailure("The restore was cut", isRetryable: true) }
    let image = RestoredImage(
      file: try RawImageFile(creatingAt: path, size: disk.size), path: path, size: disk.size)
    let damage = try disk.restore(to: image, cancellation: cancellation) { processed, written in
      self.counters.withLock { counters in
        counters.processedBytes &+= processed
        counters.readBytes &+= written
        counters.storedBytes &+= written
      }
    }
    if let first = damage.first {
      throw StepFailure(
        "The restore point is damaged: \(first)"
          + (damage.count > 1 ? ", and \(damage.count - 1) more" : ""), isRetryable: false)
    }
    try image.synchronize()
    try image.readBack(cancellation)
  }
}

/// What restored image files are called.
enum RestoredImageName {
  /// A disk's own name with the extension of the new format; where that would be no name of one disk alone, the
  /// extension is put behind the old one. In the order of the disks.
  static func names(of disks: [DiskID], in format: DiskImageFormat) -> [String] {
    let stems = disks.map { stem($0.rawValue) }
    return zip(disks, stems).map { disk, stem in
      let isUnique = stems.count { $0 == stem } == 1
      return (isUnique ? stem : disk.rawValue) + "." + format.rawValue
    }
  }

  private static func stem(_ name: String) -> String {
    let extensions = DiskImageFormat.allCases.map(\.rawValue) + ["img"]
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex,
      extensions.contains(name[name.index(after: dot)...].lowercased())
    else { return name }
    return String(name[..<dot])
  }
}
