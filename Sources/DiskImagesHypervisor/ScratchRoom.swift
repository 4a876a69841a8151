import Glibc
import Hypervisor

/// The free space for the scratch files of a live VM's checkpoint.
///
/// When it is used up, QEMU 7.2 fails the guest's write rather than the backup: `blockdev-backup` has no option for
/// the other choice (the `on-cbw-error` of the `copy-before-write` filter, which cannot be put under a disk in use by
/// hand). So the backup gives up while there is still some left.
struct ScratchRoom: Sendable {
  let directory: CheckpointDirectory
  /// In bytes.
  let reserve: UInt64

  /// Throws `failed` if no more than the reserve is free.
  func check() throws(HypervisorError) {
    var status = statvfs()
    guard statvfs(directory.path, &status) == 0 else {
      throw .system("Cannot find the free space of \(directory.path)", errno)
    }
    let (free, overflow) = UInt64(status.f_bavail)
      .multipliedReportingOverflow(by: UInt64(status.f_frsize))
    guard overflow || free > reserve else {
      throw HypervisorError(
        .failed,
        "The runtime directory's file system has \(free) bytes free, and \(reserve) are kept back: without room for "
          + "what the running VM \(directory.checkpoint.virtualMachine) overwrites, its own writes would fail. Free "
          + "some space behind \(directory.path), or put the runtime directory elsewhere.")
    }
  }
}
