import BackupModel
import Conformance
import Foundation
import Hypervisor
import Testing

@testable import DiskImagesHypervisor

@Suite("The disk-images hypervisor keeps every law of a hypervisor", .serialized)
struct ConformanceTests {
  @Test("A law holds for an offline VM", arguments: HypervisorLaw.all, Mixture.all)
  func offline(_ law: HypervisorLaw, _ mixture: Mixture) throws {
    try law.check(try DiskImagesSubject(mixture, isLive: false))
  }

  @Test("A law holds for a live VM", arguments: HypervisorLaw.all, Mixture.all)
  func live(_ law: HypervisorLaw, _ mixture: Mixture) throws {
    let subject = try DiskImagesSubject(mixture, isLive: true)
    try law.check(subject)
    for vm in try subject.hypervisor.listVirtualMachines() {
      let machine = LiveVirtualMachine(directory: subject.library.directory(vm.id))
      #expect(try machine.remains() == [])
    }
  }
}

/// The formats of a VM's first and second disk.
struct Mixture: Sendable, CustomStringConvertible {
  let formats: [DiskImageFormat]
  var description: String { formats.map(\.rawValue).joined(separator: " and ") }

  static let all = [Mixture(formats: [.raw, .qcow2]), Mixture(formats: [.vhdx, .vmdk])]
}

/// VMs in a test's own library, each live from its making or never.
struct DiskImagesSubject: HypervisorSubject {
  let library: TestLibrary
  let hypervisor: any Hypervisor
  private let mixture: Mixture
  private let isLive: Bool

  init(_ mixture: Mixture, isLive: Bool) throws {
    library = try TestLibrary()
    hypervisor = try library.hypervisor()
    self.mixture = mixture
    self.isLive = isLive
  }

  func makeVirtualMachine(_ id: VirtualMachineID, disks: [DiskContents]) throws {
    try library.make(id, Array(zip(mixture.formats, disks)))
    guard isLive else { return }
    try LiveVirtualMachine(directory: library.directory(id))
      .start(try ImageLibrary(root: library.root).disks(of: id))
  }

  func write(
    _ bytes: [UInt8], at offset: UInt64, to disk: DiskID, of vm: VirtualMachineID
  ) throws -> Bool {
    let directory = library.directory(vm)
    if isLive {
      try LiveVirtualMachine(directory: directory).write(bytes, at: offset, to: disk)
      return true
    }
    let source = "\(library.base)/write"
    try Data(bytes).write(to: URL(fileURLWithPath: source))
    let format = try #require(DiskImageFormat(fileName: disk.rawValue))
    let outcome = try Program(name: "qemu-io", package: "qemu-utils").run(
      [
        "-f", format.rawValue, "-c", "write -s \(source) \(offset) \(bytes.count)",
        "\(directory)/\(disk)",
      ], deadline: Deadline(in: .seconds(30)))
    if outcome.succeeded { return true }
    try #require(outcome.complaint.contains("lock"), "\(outcome.complaint)")
    return false
  }

  /// Cancels the backup job of the last disk; or writes, heedless of locks, what the file's last byte is already.
  func breakFreeze(of vm: VirtualMachineID) throws {
    let directory = library.directory(vm)
    if isLive {
      let machine = LiveVirtualMachine(directory: directory)
      try machine.cancel(try #require(try machine.backupJobs().max()))
      return
    }
    let disk = try #require(try hypervisor.virtualMachine(vm).disks.last)
    let file = try FileHandle(
      forUpdating: URL(fileURLWithPath: "\(directory)/\(disk.id)"))
    let end = try file.seekToEnd()
    try file.seek(toOffset: end - 1)
    let byte = try #require(try file.read(upToCount: 1))
    try file.seek(toOffset: end - 1)
    try file.write(contentsOf: byte)
    try file.close()
  }
}
