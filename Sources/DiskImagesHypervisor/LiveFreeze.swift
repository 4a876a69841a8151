import BackupModel
import Glibc
import Hypervisor
import Logging

/// Freezes a running VM in the daemon that serves it, while its guest goes on writing.
///
/// Each disk gets a scratch overlay over it, and one transaction starts for all of them a job that copies what the
/// guest is about to overwrite into the overlay first (`blockdev-backup`, `sync=none`): the overlays are the disks
/// as they were at that one moment. They are exported read-only by the daemon's own NBD server.
struct LiveFreeze {
  let directory: CheckpointDirectory
  let vmDirectory: String
  let disks: [DiskImage]
  let log: Logger

  private var names: ShortName { ShortName(directory.checkpoint.name) }

  func freeze(_ daemon: inout LiveDaemon) throws(HypervisorError) {
    guard access("\(vmDirectory)/\(LiveDaemon.exportSocket)", F_OK) == 0 else {
      throw HypervisorError(
        .failed,
        "The VM's storage daemon serves no NBD at \(vmDirectory)/\(LiveDaemon.exportSocket). "
          + "Start it with --nbd-server addr.type=unix,addr.path=\(LiveDaemon.exportSocket).")
    }
    let nodes = try daemon.nodes()
    var frozen: [CheckpointState.Disk] = []
    var actions: [JSON] = []
    for (index, disk) in disks.enumerated() {
      let node = try node(of: disk, among: nodes)
      try addOverlay(index, over: node, &daemon)
      log.debug("overlay added", metadata: ["disk": "\(disk.id)"])
      frozen.append(
        .init(
          id: disk.id, size: exactSize(disk, node),
          export: "\(directory.checkpoint.name)/\(disk.id)", files: []))
      actions.append([
        "type": "blockdev-backup",
        "data": [
          "job-id": .string(names.backup(index)), "device": .string(node.name),
          "target": .string(names.overlay(index)), "sync": "none",
        ],
      ])
    }
    try daemon.execute("transaction", ["actions": .array(actions)])
    log.debug("disks frozen")
    try CheckpointState(socketDirectory: vmDirectory, disks: frozen).write(to: directory)
    log.debug("state written")
    for (index, disk) in frozen.enumerated() {
      try daemon.execute(
        "block-export-add",
        [
          "type": "nbd", "id": .string(names.export(index)), "name": .string(disk.export),
          "node-name": .string(names.overlay(index)), "writable": false,
        ])
      log.debug("disk exported", metadata: ["disk": "\(disk.id)"])
    }
  }

  private func node(
    of disk: DiskImage, among nodes: [LiveDaemon.Node]
  ) throws(HypervisorError) -> LiveDaemon.Node {
    let candidates = nodes.filter { realPath($0.file) == disk.path }
    // A raw image may be served without the raw driver on top.
    let node =
      candidates.first { $0.driver == disk.format.rawValue }
      ?? (disk.format == .raw ? candidates.first { $0.driver == "file" } : nil)
    guard let node else {
      throw HypervisorError(
        .busy,
        "The disk \(disk.path) is not served as \(disk.format.rawValue) by the VM's storage daemon "
          + "(\(vmDirectory)/\(LiveDaemon.monitorSocket)), so it cannot be frozen with the others. Serve all disks of a "
          + "VM by one daemon, or take the file out of its directory.")
    }
    return node
  }

  private func addOverlay(
    _ index: Int, over node: LiveDaemon.Node, _ daemon: inout LiveDaemon
  ) throws(HypervisorError) {
    let path = "\(directory.path)/scratch\(index).qcow2"
    let scratch = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard scratch >= 0 else { throw .system("Cannot make the scratch file \(path)", errno) }
    close(scratch)
    try daemon.execute(
      "blockdev-add",
      ["driver": "file", "node-name": .string(names.file(index)), "filename": .string(path)])
    let job = names.formatting(index)
    try daemon.execute(
      "blockdev-create",
      [
        "job-id": .string(job),
        "options": [
          "driver": "qcow2", "file": .string(names.file(index)), "size": .integer(Int64(node.size)),
        ],
      ])
    var failure: String?
    try daemon.wait(for: "formatting \(path)", "query-jobs") { jobs in
      let entry = jobs.elements.first { $0["id"]?.text == job }
      failure = entry?["error"]?.text
      return entry.map { $0["status"]?.text == "concluded" } ?? true
    }
    try daemon.execute("job-dismiss", ["id": .string(job)])
    if let failure {
      throw HypervisorError(.failed, "The scratch file \(path) cannot be formatted: \(failure).")
    }
    try daemon.execute(
      "blockdev-add",
      [
        "driver": "qcow2", "node-name": .string(names.overlay(index)),
        "file": .string(names.file(index)), "backing": .string(node.name),
      ])
  }

  /// QEMU rounds the size of a raw file up to a sector.
  private func exactSize(_ disk: DiskImage, _ node: LiveDaemon.Node) -> UInt64 {
    disk.format == .raw && disk.size <= node.size && node.size - disk.size < 512
      ? disk.size : node.size
  }
}
