package import BackupModel

/// A repository: a directory that holds restore points (format 1).
///
/// Any number of processes may have it open, write and read at once; nothing that is visible ever changes. Calls
/// block their thread and may come from any thread.
package final class Repository: Sendable {
  /// The directory's path.
  package let path: String

  init(path: String) { self.path = path }

  /// Makes an empty repository at `path`, whose parent directory must exist; `path` itself may exist if it is
  /// empty or holds what an interrupted creation left. Throws `alreadyExists` if a repository is there.
  package static func create(at path: String) throws(RepositoryError) -> Repository {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Opens the repository at `path`. Throws `notFound` if none is there, `newerFormat`, or `damaged` if its
  /// configuration is torn.
  package static func open(at path: String) throws(RepositoryError) -> Repository {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// The visible restore points, of all VMs or of one, oldest first; those that are damaged too.
  package func restorePoints(
    of virtualMachine: VirtualMachineID? = nil
  ) throws(RepositoryError) -> [ListedRestorePoint] {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Opens a restore point for reading. Throws `notFound`, or `damaged` if its file cannot be believed.
  package func openRestorePoint(
    _ id: RestorePointID
  ) throws(RepositoryError) -> RestorePointReader {
    throw RepositoryError(.invalid, "not built yet")
  }
}
