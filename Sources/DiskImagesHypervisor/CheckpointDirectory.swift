import BackupModel
import Glibc
import Hypervisor

/// `<runtime directory>/<checkpoint>@<vm>`: all that exists of a checkpoint outside a live VM's own daemon.
///
/// It is made before anything else and removed after everything else, and its name alone says whose it is: so
/// whatever a crash leaves is found by listing. Its lock (flock(2) on the directory) is held by whoever creates or
/// removes the checkpoint and, by inheritance, by its storage daemon for as long as that lives.
struct CheckpointDirectory: Equatable, Sendable {
  let path: String
  let checkpoint: ExistingCheckpoint

  static let stateFile = "checkpoint.json"
  static let socketFile = "nbd.sock"
  static let logFile = "daemon.log"

  init(in runtimeDirectory: String, _ name: CheckpointName, _ vm: VirtualMachineID) {
    path = "\(runtimeDirectory)/\(name)@\(vm)"
    checkpoint = ExistingCheckpoint(name: name, virtualMachine: vm)
  }

  /// Takes a path that ends with such a name. Nil: it does not.
  init?(path: String) {
    let parts = path.split(separator: "/").last?.split(separator: "@", maxSplits: 1)
    guard let parts, parts.count == 2, let name = CheckpointName(validating: String(parts[0])),
      let vm = VirtualMachineID(validating: String(parts[1]))
    else { return nil }
    self.path = path
    checkpoint = ExistingCheckpoint(name: name, virtualMachine: vm)
  }

  /// Those that a runtime directory holds.
  static func list(in runtimeDirectory: String) throws(HypervisorError) -> [CheckpointDirectory] {
    guard let names = fileNames(in: runtimeDirectory) else {
      guard errno == ENOENT else {
        throw .system("Cannot list the checkpoints in \(runtimeDirectory)", errno)
      }
      return []
    }
    return names.compactMap { CheckpointDirectory(path: "\(runtimeDirectory)/\($0)") }
  }

  /// Makes the directory and locks it.
  func create() throws(HypervisorError) -> Lock {
    guard mkdir(path, 0o700) == 0 else {
      guard errno == EEXIST else {
        throw .system("Cannot make the checkpoint's directory \(path)", errno)
      }
      throw HypervisorError(
        .alreadyExists,
        "The checkpoint \(checkpoint.name) of \(checkpoint.virtualMachine) exists already (\(path)). Remove it first."
      )
    }
    guard let lock = try tryLock() else {
      throw HypervisorError(.busy, "The checkpoint \(checkpoint.name) is just being removed.")
    }
    return lock
  }

  /// Nil: another process holds the lock, or the directory is gone.
  func tryLock() throws(HypervisorError) -> Lock? {
    let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else {
      if errno == ENOENT { return nil }
      throw .system("Cannot open the checkpoint's directory \(path)", errno)
    }
    let descriptor = OwnedDescriptor(taking: number)
    guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
      if errno == EWOULDBLOCK { return nil }
      throw .system("Cannot lock the checkpoint's directory \(path)", errno)
    }
    return Lock(descriptor: descriptor)
  }

  var exists: Bool { access(path, F_OK) == 0 }

  /// Removes the directory with the files in it. Missing ones count as removed.
  func delete() throws(HypervisorError) {
    for name in fileNames(in: path) ?? [] {
      guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
        throw .system("Cannot remove \(path)/\(name)", errno)
      }
    }
    guard rmdir(path) == 0 || errno == ENOENT else { throw .system("Cannot remove \(path)", errno) }
  }

  /// Held until it goes; then by the processes that inherited its descriptor.
  struct Lock: ~Copyable {
    fileprivate let descriptor: OwnedDescriptor

    fileprivate init(descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// For a child process that is to hold the lock too.
    var inheritable: Int32 { descriptor.number }
  }
}
