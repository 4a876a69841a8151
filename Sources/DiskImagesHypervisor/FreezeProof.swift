import BackupModel
import Hypervisor

/// Finds out whether a checkpoint still holds its disks as they were, and so held them during every read before.
struct FreezeProof {
  let directory: CheckpointDirectory

  /// What QEMU calls a job whose copy-before-write filter is in place. It is paused for moments whenever the daemon
  /// drains a disk; the filter works on. A canceled job is `aborting` before its filter goes.
  private static let holding: Set<String> = ["running", "paused"]

  /// Throws `closed` if there is no checkpoint, `failed` if it does not hold.
  func check(deadline: Deadline) throws(HypervisorError) {
    let state: CheckpointState
    do throws(HypervisorError) {
      state = try CheckpointState.read(from: directory)
    } catch  where error.code == .notFound {
      throw HypervisorError(
        .closed,
        "The checkpoint \(name) of \(vm) was removed while it was in use: nothing vouches for what was read."
      )
    }
    if state.isLive(in: directory) {
      try checkLive(state, deadline)
    } else {
      try checkOffline(state)
    }
  }

  /// One backup job a disk has copied before each write. A job that ended never comes back: its name is that of this
  /// checkpoint alone, which is made only once, and a daemon that starts anew has no jobs. So a job that is there
  /// after the last read was there all the while, in the same daemon.
  private func checkLive(_ state: CheckpointState, _ deadline: Deadline) throws(HypervisorError) {
    guard
      var daemon = try LiveDaemon.connect(vmDirectory: state.socketDirectory, deadline: deadline)
    else {
      throw broken(
        "the VM's storage daemon (\(state.socketDirectory)/\(LiveDaemon.monitorSocket)) is gone")
    }
    let jobs = try daemon.execute("query-jobs").elements
    let names = ShortName(name)
    for (index, disk) in state.disks.enumerated() {
      let id = names.backup(index)
      guard let job = jobs.first(where: { $0["id"]?.text == id && $0["type"]?.text == "backup" })
      else {
        throw broken(
          "the job that kept the disk \(disk.id) frozen in the VM's storage daemon was ended by another program, or "
            + "the daemon was started anew")
      }
      let status = job["status"]?.text ?? "in no state"
      guard Self.holding.contains(status), job["error"] == nil else {
        throw broken(
          "the job that keeps the disk \(disk.id) frozen is \(status): \(job["error"]?.text ?? "no reason given")"
        )
      }
    }
  }

  /// The files are as they were at the freeze, and after that is known the daemon that locked them before the freeze
  /// still runs: another of this checkpoint is never started.
  private func checkOffline(_ state: CheckpointState) throws(HypervisorError) {
    for file in state.disks.flatMap(\.files) { try file.check() }
    guard !StorageDaemon(directory: directory).running().isEmpty else {
      throw broken("the storage daemon that locked its images has ended")
    }
  }

  private func broken(_ why: String) -> HypervisorError {
    HypervisorError(
      .failed,
      "The checkpoint \(name) of \(vm) did not last while it was read: \(why). What was read may not be one moment of "
        + "the VM, so it is not kept.")
  }

  private var name: CheckpointName { directory.checkpoint.name }
  private var vm: VirtualMachineID { directory.checkpoint.virtualMachine }
}
