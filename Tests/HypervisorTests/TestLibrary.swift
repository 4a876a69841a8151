import BackupModel
import Conformance
import Foundation
import Hypervisor
import Logging
import Testing

@testable import DiskImagesHypervisor

/// A directory of VMs and a runtime directory of a test's own, removed with all daemons at its end.
final class TestLibrary: Sendable {
  let base: String
  var root: String { base + "/vms" }
  var runtime: String { base + "/run" }

  init() throws {
    base = NSTemporaryDirectory() + "belay-hv-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  deinit {
    for vm in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [] {
      LiveVirtualMachine(directory: "\(root)/\(vm)").stop()
    }
    for directory in (try? CheckpointDirectory.list(in: realPath(runtime) ?? runtime)) ?? [] {
      let daemon = StorageDaemon(directory: directory)
      let pids = daemon.running()
      daemon.kill()
      // Exit tests wait for any child: another's zombie would keep them from seeing their own.
      for pid in pids { waitpid(pid, nil, 0) }
    }
    try? FileManager.default.removeItem(atPath: base)
  }

  /// Keeps this library for as long as it is used itself.
  func hypervisor() throws -> DiskImagesHypervisor {
    try DiskImagesHypervisor(
      root: root, runtimeDirectory: runtime,
      log: Logger(label: "test") { _ in KeepingLog(library: self) })
  }

  func directory(_ vm: VirtualMachineID) -> String { "\(root)/\(vm)" }

  /// Makes the VM's images with qemu-img: `disk0.<extension>` and so on.
  func make(
    _ vm: VirtualMachineID, _ disks: [(DiskImageFormat, DiskContents)]
  ) throws {
    try FileManager.default.createDirectory(
      atPath: directory(vm), withIntermediateDirectories: true)
    for (index, (format, contents)) in disks.enumerated() {
      let raw = "\(base)/source.raw"
      try Data().write(to: URL(fileURLWithPath: raw))
      let file = try #require(FileHandle(forWritingAtPath: raw))
      try file.truncate(atOffset: UInt64(contents.size))
      for piece in contents.pieces {
        try file.seek(toOffset: UInt64(piece.offset))
        try file.write(contentsOf: Data(piece.bytes))
      }
      try file.close()
      let image = "\(directory(vm))/disk\(index).\(format.rawValue)"
      try qemuImage(["convert", "-f", "raw", "-O", format.rawValue, raw, image])
    }
  }
}

/// Says nothing.
private struct KeepingLog: LogHandler {
  let library: TestLibrary
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.critical
  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {}
}

/// Runs qemu-img, which must succeed.
@discardableResult
func qemuImage(_ arguments: [String]) throws -> String {
  let outcome = try Program.imageTool.run(arguments, deadline: Deadline(in: .seconds(60)))
  try #require(outcome.succeeded, "qemu-img \(arguments): \(outcome.complaint)")
  return String(decoding: outcome.output, as: UTF8.self)
}
