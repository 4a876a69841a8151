import BackupModel
import Hypervisor
import Logging

/// Freezes a VM that nothing serves: a storage daemon of the checkpoint's own opens all its images read-only and
/// keeps writers out by QEMU's image locks until the checkpoint is removed.
///
/// Why locks, and no writable view over the frozen one: an image opened for writing is changed by that alone (flags
/// in a qcow2 header, the log of a VHDX), while a daemon that only reads can be killed at any instant with nothing
/// to repair. All locks are held before the first byte can be read: that is the one moment of the freeze.
struct OfflineFreeze {
  let directory: CheckpointDirectory
  let disks: [DiskImage]
  let children: Children
  let log: Logger

  func freeze(
    _ lock: borrowing CheckpointDirectory.Lock, deadline: Deadline
  ) throws(HypervisorError) {
    var daemon = try StorageDaemon(directory: directory).start(lock, children, deadline: deadline)
    log.debug("storage daemon started")
    for (index, disk) in disks.enumerated() {
      guard case .object(var node) = node(disk.layers[...]) else { continue }
      node["node-name"] = .string("disk\(index)")
      try daemon.execute("blockdev-add", node, deadline: deadline)
      log.debug("image opened", metadata: ["disk": "\(disk.id)"])
    }
    // All locks are held: this is the moment of the freeze.
    var frozen: [CheckpointState.Disk] = []
    for disk in disks {
      var files: [FileStamp] = []
      for path in disk.layers.map(\.path) + disk.extents { files.append(try FileStamp(path: path)) }
      frozen.append(
        .init(
          id: disk.id, size: disk.size, export: "\(directory.checkpoint.name)/\(disk.id)",
          files: files))
    }
    let address: JSON = ["type": "unix", "data": ["path": .string(CheckpointDirectory.socketFile)]]
    try daemon.execute(
      "nbd-server-start", ["addr": address, "max-connections": 0], deadline: deadline)
    log.debug("NBD server started")
    try CheckpointState(socketDirectory: directory.path, disks: frozen).write(to: directory)
    log.debug("state written")
    for (index, disk) in frozen.enumerated() {
      try daemon.execute(
        "block-export-add",
        [
          "type": "nbd", "id": .string("disk\(index)"), "node-name": .string("disk\(index)"),
          "name": .string(disk.export), "writable": false,
        ], deadline: deadline)
      log.debug("disk exported", metadata: ["disk": "\(disk.id)"])
    }
  }

  /// The block nodes of an image with its backing chain, every format given and nothing left to QEMU's guess.
  private func node(_ layers: ArraySlice<DiskImage.Layer>) -> JSON {
    guard let layer = layers.first else { return .null }
    let file: JSON = [
      "driver": "file", "filename": .string(layer.path), "read-only": true,
    ]
    switch layer.format {
    case .raw:
      // The raw driver lets others write to the file; this filter forbids it, by the file's lock.
      return [
        "driver": "blkdebug", "read-only": true, "unshare-child-perms": ["write", "resize"],
        "image": ["driver": "raw", "read-only": true, "file": file],
      ]
    case .qcow2, .vmdk:
      return [
        "driver": .string(layer.format.rawValue), "read-only": true, "file": file,
        "backing": node(layers.dropFirst()),
      ]
    case .vhdx:
      return ["driver": "vhdx", "read-only": true, "file": file]
    }
  }
}
