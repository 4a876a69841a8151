import BackupModel
import Glibc
import Hypervisor

/// The storage daemon that serves a running VM's disks: `qmp.sock` and `nbd.sock` in the VM's directory.
struct LiveDaemon: ~Copyable {
  static let monitorSocket = "qmp.sock"
  static let exportSocket = "nbd.sock"

  private let vmDirectory: String
  private var monitor: QMPConnection
  private let deadline: Deadline

  /// Nil: nothing serves the VM.
  static func connect(
    vmDirectory: String, deadline: Deadline
  ) throws(HypervisorError) -> LiveDaemon? {
    let connection = try UnixSocket.connect(
      to: monitorSocket, in: vmDirectory, deadline: deadline)
    switch consume connection {
    case .nobodyThere: return nil
    case .connected(let socket):
      let monitor = try QMPConnection(
        taking: socket, peer: "The VM's storage daemon (\(vmDirectory)/\(monitorSocket))",
        deadline: deadline)
      return LiveDaemon(vmDirectory: vmDirectory, monitor: monitor, deadline: deadline)
    }
  }

  private init(vmDirectory: String, monitor: consuming QMPConnection, deadline: Deadline) {
    self.vmDirectory = vmDirectory
    self.monitor = monitor
    self.deadline = deadline
  }

  @discardableResult
  mutating func execute(
    _ command: String, _ arguments: [String: JSON] = [:]
  ) throws(HypervisorError) -> JSON {
    try monitor.execute(command, arguments, deadline: deadline)
  }

  /// A named block node of the daemon.
  struct Node {
    let name: String
    let driver: String
    /// The image file's absolute path, as the daemon gives it; not meaningful where there is none.
    let file: String
    /// In bytes.
    let size: UInt64
  }

  mutating func nodes() throws(HypervisorError) -> [Node] {
    try execute("query-named-block-nodes", ["flat": true]).elements.map { node in
      let file = node["file"]?.text ?? ""
      return Node(
        name: node["node-name"]?.text ?? "", driver: node["drv"]?.text ?? "",
        file: file.hasPrefix("/") ? file : "\(vmDirectory)/\(file)",
        size: node["image"]?["virtual-size"]?.unsigned ?? 0)
    }
  }

  /// The directories of the checkpoints that hold something in this daemon, wherever they are or were.
  mutating func checkpoints() throws(HypervisorError) -> [CheckpointDirectory] {
    var found: [CheckpointDirectory] = []
    for node in try nodes() where node.name.hasPrefix(ShortName.common) {
      guard let slash = node.file.lastIndex(of: "/"),
        let directory = CheckpointDirectory(path: String(node.file[..<slash])),
        ShortName(directory.checkpoint.name).owns(node.name), !found.contains(directory)
      else { continue }
      found.append(directory)
    }
    return found
  }

  /// The ids of jobs, exports or nodes, in the order in which the daemon lists them.
  mutating func ids(_ query: String, key: String) throws(HypervisorError) -> [String] {
    try execute(query).elements.compactMap { $0[key]?.text }
  }

  /// Waits until `isDone` says so of what `query` lists; it is asked again after each event.
  mutating func wait(
    for what: String, _ query: String, until isDone: (JSON) -> Bool
  ) throws(HypervisorError) {
    while !isDone(try execute(query)) {
      guard !deadline.hasPassed else {
        throw HypervisorError(
          .timeout, "The VM's storage daemon (\(vmDirectory)) did not finish in time: \(what).")
      }
      // An event may have been passed over while a command was under way: ask again before long.
      _ = try monitor.waitForEvent(until: deadline.orIn(.milliseconds(20)))
    }
  }
}
