import BackupModel
import CNBD
import Foundation
import Hypervisor
import Testing

@testable import DiskImagesHypervisor

/// A running VM, as far as its disks go: the storage daemon that serves them to a guest.
struct LiveVirtualMachine {
  let directory: String

  private var pidFile: String { directory + "/daemon.pid" }

  /// Starts the daemon over `disks` and returns when it serves them: see the command line in the target's catalogue.
  func start(_ disks: [DiskImage]) throws {
    var arguments = ["--daemonize", "--pidfile", pidFile]
    for (index, disk) in disks.enumerated() {
      arguments += [
        "--blockdev", "driver=file,node-name=file\(index),filename=\(disk.path)",
        "--blockdev", "driver=\(disk.format.rawValue),node-name=disk\(index),file=file\(index)",
      ]
    }
    arguments += [
      "--chardev", "socket,id=qmp,path=\(directory)/qmp.sock,server=on,wait=off",
      "--monitor", "chardev=qmp",
      "--nbd-server", "addr.type=unix,addr.path=\(directory)/nbd.sock,max-connections=0",
    ]
    for (index, disk) in disks.enumerated() {
      arguments += [
        "--export", "type=nbd,id=guest\(index),node-name=disk\(index),name=\(disk.id),writable=on",
      ]
    }
    let outcome = try Program.storageDaemon.run(arguments, deadline: Deadline(in: .seconds(30)))
    try #require(outcome.succeeded, "\(outcome.complaint)")
  }

  var pid: pid_t? {
    (try? String(contentsOfFile: pidFile, encoding: .utf8)).flatMap {
      pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  /// Ends the daemon, if one runs.
  func stop() {
    guard let pid else { return }
    kill(pid, SIGKILL)
    unlink(pidFile)
  }

  /// Writes as the guest would.
  func write(_ bytes: [UInt8], at offset: UInt64, to disk: DiskID) throws {
    let handle = try #require(nbd_create())
    defer { nbd_close(handle) }
    try #require(nbd_set_export_name(handle, disk.rawValue) == 0)
    try #require(nbd_connect_unix(handle, "\(directory)/nbd.sock") == 0, "\(Self.nbdError)")
    try #require(nbd_pwrite(handle, bytes, bytes.count, offset, 0) == 0, "\(Self.nbdError)")
  }

  private static var nbdError: String { nbd_get_error().map { String(cString: $0) } ?? "" }

  func backupJobs() throws -> [String] {
    try execute("query-jobs").elements.filter { $0["type"]?.text == "backup" }
      .compactMap { $0["id"]?.text }
  }

  /// Cancels a job as its owner would, and returns when it is gone.
  func cancel(_ job: String) throws {
    try execute("job-cancel", ["id": .string(job)])
    let deadline = Deadline(in: .seconds(10))
    while try backupJobs().contains(job) { try #require(!deadline.hasPassed, "\(job) stays") }
  }

  @discardableResult
  func execute(_ command: String, _ arguments: [String: JSON] = [:]) throws -> JSON {
    let connected = try LiveDaemon.connect(
      vmDirectory: directory, deadline: Deadline(in: .seconds(10)))
    guard var daemon = connected else { throw HypervisorError(.failed, "no daemon") }
    return try daemon.execute(command, arguments)
  }

  /// What the daemon holds besides what it was started with: node names, jobs and exports of checkpoints.
  func remains() throws -> [String] {
    guard
      var daemon = try LiveDaemon.connect(
        vmDirectory: directory, deadline: Deadline(in: .seconds(10)))
    else { return ["no daemon"] }
    var found = try daemon.nodes().map(\.name).filter { $0.hasPrefix(ShortName.common) }
    found += try daemon.ids("query-jobs", key: "id")
    found += try daemon.ids("query-block-exports", key: "id").filter { !$0.hasPrefix("guest") }
    return found
  }
}
