import BackupModel
import Foundation
import Glibc
import Hypervisor

/// What a reader needs to know of a checkpoint: `checkpoint.json` in its directory, written before the first disk
/// can be read.
struct CheckpointState: Codable, Equatable {
  struct Disk: Codable, Equatable {
    let id: DiskID
    /// In bytes.
    let size: UInt64
    /// The name under which the frozen disk is exported.
    let export: String
    /// The files behind the frozen disk that must not change while it is read. None for a live VM: its daemon
    /// keeps what is overwritten.
    let files: [FileStamp]
  }

  /// Where the NBD server listens: a directory, and the socket's name in it.
  let socketDirectory: String
  let disks: [Disk]

  /// Whether the VM's own daemon keeps what its guest overwrites; otherwise a daemon of the checkpoint's own keeps
  /// writers out.
  func isLive(in directory: CheckpointDirectory) -> Bool { socketDirectory != directory.path }

  func write(to directory: CheckpointDirectory) throws(HypervisorError) {
    let path = "\(directory.path)/\(CheckpointDirectory.stateFile)"
    do {
      try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: path))
    } catch {
      throw HypervisorError(.failed, "Cannot write \(path): \(error)")
    }
  }

  static func read(from directory: CheckpointDirectory) throws(HypervisorError) -> CheckpointState {
    let checkpoint = directory.checkpoint
    guard directory.exists else {
      throw HypervisorError(
        .notFound, "There is no checkpoint \(checkpoint.name) of \(checkpoint.virtualMachine).")
    }
    let path = "\(directory.path)/\(CheckpointDirectory.stateFile)"
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
      let state = try? JSONDecoder().decode(CheckpointState.self, from: data)
    else {
      throw HypervisorError(
        .failed,
        "The checkpoint \(checkpoint.name) of \(checkpoint.virtualMachine) is not whole: its creation was cut short. "
          + "Remove it.")
    }
    return state
  }
}

/// Shows whether a file was written to since.
///
/// QEMU's locks keep out every program of QEMU's; nothing keeps out dd(1). Its writes are at least seen.
struct FileStamp: Codable, Equatable {
  let path: String
  let inode: UInt64
  let size: Int64
  let modified: Int64

  init(path: String) throws(HypervisorError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw .system("Cannot examine \(path)", errno) }
    self.init(path: path, status)
  }

  private init(path: String, _ status: stat) {
    self.path = path
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }

  /// Throws if the file behind `descriptor` is not as it was when the stamp was taken.
  func check(_ descriptor: borrowing OwnedDescriptor) throws(HypervisorError) {
    var status = stat()
    guard fstat(descriptor.number, &status) == 0 else {
      throw .system("Cannot examine \(path)", errno)
    }
    try compare(FileStamp(path: path, status))
  }

  /// Throws if the file at the path is not as it was when the stamp was taken, or is another one.
  func check() throws(HypervisorError) { try compare(FileStamp(path: path)) }

  private func compare(_ now: FileStamp) throws(HypervisorError) {
    guard now == self else {
      throw HypervisorError(
        .failed,
        "\(path) was changed after the checkpoint, by a program that heeds no image locks: what was read is not the "
          + "frozen disk. Let writers go through QEMU, or serve the VM by a storage daemon (qmp.sock)."
      )
    }
  }
}
