internal import BackupModel
import CLinux
import Foundation
import WorkerCore

/// The directory of a Restore: written under a partial name, renamed into place by one operation.
struct RestoreTarget {
  /// Where the restored disks are to be: an absolute path that nothing has yet.
  let path: String
  let attempt: AttemptID

  /// Where they are until then.
  var partialPath: String { "\(path).partial-\(attempt)" }

  func makePartial() throws(StepFailure) {
    guard path.hasPrefix("/"), path.count > 1 else {
      throw StepFailure("\(path) is not an absolute path", isRetryable: false)
    }
    guard !exists(path) else {
      throw StepFailure("\(path) exists already: name a new directory", isRetryable: false)
    }
    guard mkdir(partialPath, 0o700) == 0 else {
      throw failure("\(partialPath) could not be made", isRetryable: errno != EEXIST)
    }
  }

  /// The names in it, and its own, survive a power cut.
  func syncPartial() throws(StepFailure) {
    try sync(partialPath)
    try sync(parent)
  }

  /// Renames it into place. Any number of times: the partial directory of a committed attempt goes by its rename
  /// only, unless the coordinator gave the commit up, so that where it is gone and the target is there, it was
  /// renamed. Not retryable: the target is another's, or the partial directory is gone.
  func publish() throws(StepFailure) {
    if renameat2(AT_FDCWD, partialPath, AT_FDCWD, path, UInt32(RENAME_NOREPLACE)) != 0 {
      switch errno {
      case ENOENT where exists(path): break
      case ENOENT, ENOTDIR:
        throw StepFailure("\(partialPath) is gone", isRetryable: false)
      case EEXIST:
        throw StepFailure(
          "\(path) exists already, and is not of this restore", isRetryable: false)
      default: throw failure("\(partialPath) could not be renamed to \(path)")
      }
    }
    try sync(parent)
  }

  /// Removes it with all that is in it; missing counts as removed.
  func removePartial() throws(StepFailure) {
    guard exists(partialPath) else { return }
    do {
      try FileManager.default.removeItem(atPath: partialPath)
    } catch {
      throw StepFailure("\(partialPath) could not be removed: \(error)", isRetryable: true)
    }
    try sync(parent)
  }

  private var parent: String { URL(fileURLWithPath: path).deletingLastPathComponent().path }

  private func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  private func sync(_ directory: String) throws(StepFailure) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw failure("\(directory) could not be synced")
    }
  }

  private func failure(_ what: String, isRetryable: Bool = true) -> StepFailure {
    StepFailure("\(what): \(String(cString: strerror(errno)))", isRetryable: isRetryable)
  }
}
