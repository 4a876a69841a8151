import BackupModel
import Conformance
import Foundation
import Hypervisor
import Testing

@testable import DiskImagesHypervisor

private let vm = VirtualMachineID(rawValue: "vm-1")
private let name = CheckpointName(
  attempt: AttemptID(task: TaskID(session: SessionID(rawValue: "images"), ordinal: 1), number: 1))

@Suite("Disk images are read as what they are, and lead nowhere else", .serialized)
struct ImageTests {
  private let contents = DiskContents(
    size: 3 << 20,
    pieces: [
      .init(offset: 0, bytes: [UInt8](repeating: 1, count: 100_000)),
      .init(offset: 2 << 20, bytes: [UInt8](repeating: 2, count: 4096)),
    ])

  /// The bytes of the first disk of the VM's checkpoint.
  private func frozen(_ hypervisor: DiskImagesHypervisor, _ disk: String) throws -> [UInt8] {
    try hypervisor.createCheckpoint(name, of: vm)
    defer { try? hypervisor.removeCheckpoint(name, of: vm) }
    let disk = try hypervisor.openDisk(DiskID(rawValue: disk), of: vm, in: name)
    return try read(disk, at: 0, count: Int(disk.size))
  }

  @Test(
    "A frozen disk equals what qemu-img makes of the image", arguments: DiskImageFormat.allCases)
  func equalsConversion(_ format: DiskImageFormat) throws {
    let library = try TestLibrary()
    try library.make(vm, [(format, contents)])
    let image = "\(library.directory(vm))/disk0.\(format.rawValue)"
    let raw = "\(library.base)/expected.raw"
    try qemuImage(["convert", "-f", format.rawValue, "-O", "raw", image, raw])
    let expected = try Data(contentsOf: URL(fileURLWithPath: raw))
    #expect(try frozen(library.hypervisor(), "disk0.\(format.rawValue)") == Array(expected))
  }

  @Test("A raw disk that a guest made look like qcow2 stays raw")
  func rawIsNotProbed() throws {
    let library = try TestLibrary()
    try library.make(vm, [])
    let path = "\(library.directory(vm))/disk0.raw"
    try qemuImage([
      "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", path, "1M",
    ])
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(Array(try frozen(library.hypervisor(), "disk0.raw")) == bytes)
  }

  @Test("A raw file of an odd size is read to its last byte and no further")
  func oddSize() throws {
    let library = try TestLibrary()
    try library.make(vm, [])
    let bytes = (0..<100_001).map { UInt8(truncatingIfNeeded: $0) | 1 }
    try Data(bytes).write(to: URL(fileURLWithPath: "\(library.directory(vm))/odd.img"))
    #expect(try frozen(library.hypervisor(), "odd.img") == bytes)
  }

  @Test("A backing file in the VM's directory is followed, and is no disk of its own")
  func backingFile() throws {
    let library = try TestLibrary()
    try library.make(vm, [(.qcow2, contents)])
    let directory = library.directory(vm)
    try qemuImage(
      ["create", "-q", "-f", "qcow2", "-b", "disk0.qcow2", "-F", "qcow2", "\(directory)/top.qcow2"])
    let hypervisor = try library.hypervisor()
    #expect(try hypervisor.virtualMachine(vm).disks.map(\.id.rawValue) == ["top.qcow2"])
    #expect(try frozen(hypervisor, "top.qcow2") == contents.bytes)
  }

  @Test(
    "A file outside the VM's directory is refused, however it is named",
    arguments: [
      ["-b", "/etc/passwd", "-F", "raw"], ["-b", "../../secret.raw", "-F", "raw"],
      ["-b", "nbd:localhost:1", "-F", "raw"],
      ["-b", "json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}", "-F", "raw"],
    ])
  func outsideRefused(_ backing: [String]) throws {
    let library = try TestLibrary()
    try library.make(vm, [])
    try Data(count: 512).write(to: URL(fileURLWithPath: "\(library.base)/secret.raw"))
    try qemuImage(
      ["create", "-q", "-f", "qcow2", "-u"] + backing + ["\(library.directory(vm))/a.qcow2", "1M"])
    let hypervisor = try library.hypervisor()
    let error = #expect(throws: HypervisorError.self) {
      try hypervisor.createCheckpoint(name, of: vm)
    }
    #expect(error?.code == .invalid)
    #expect(error?.message.contains("a.qcow2") == true)
    #expect(try hypervisor.listCheckpoints() == [])
  }

  @Test("A VMDK whose extent or a link that lies outside is refused")
  func extentsRefused() throws {
    let library = try TestLibrary()
    try library.make(vm, [])
    let path = "\(library.directory(vm))/a.vmdk"
    let descriptor = """
      # Disk DescriptorFile
      version=1
      CID=fffffffe
      parentCID=ffffffff
      createType="monolithicFlat"
      RW 1 FLAT "/etc/passwd" 0
      ddb.adapterType = "ide"
      """
    try descriptor.write(toFile: path, atomically: false, encoding: .utf8)
    let hypervisor = try library.hypervisor()
    #expect(throws: HypervisorError.self) { try hypervisor.virtualMachine(vm) }
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(
      atPath: "\(library.directory(vm))/b.raw", withDestinationPath: "/etc/passwd")
    let error = #expect(throws: HypervisorError.self) { try hypervisor.virtualMachine(vm) }
    #expect(error?.message.contains("outside its VM's directory") == true)
  }

  @Test("A torn image is refused with the reason, and does not hide other VMs")
  func tornImage() throws {
    let library = try TestLibrary()
    try library.make(vm, [])
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(library.directory(vm))/a.vhdx"))
    let other = VirtualMachineID(rawValue: "other")
    try library.make(other, [(.qcow2, contents)])
    let hypervisor = try library.hypervisor()
    let error = #expect(throws: HypervisorError.self) { try hypervisor.virtualMachine(vm) }
    #expect(error?.code == .invalid)
    #expect(try hypervisor.listVirtualMachines().map(\.id) == [other])
  }

  @Test("An image that another program writes cannot be frozen")
  func busyImage() throws {
    let library = try TestLibrary()
    try library.make(vm, [(.raw, contents)])
    let machine = LiveVirtualMachine(directory: library.directory(vm))
    try machine.start(try ImageLibrary(root: library.root).disks(of: vm))
    defer { machine.stop() }
    try FileManager.default.removeItem(atPath: "\(library.directory(vm))/qmp.sock")
    let hypervisor = try library.hypervisor()
    let error = #expect(throws: HypervisorError.self) {
      try hypervisor.createCheckpoint(name, of: vm)
    }
    #expect(error?.code == .busy)
    #expect(try hypervisor.listCheckpoints() == [])
  }

  @Test("A write by a program that heeds no locks is noticed by the next read")
  func unlockedWrite() throws {
    let library = try TestLibrary()
    try library.make(vm, [(.raw, contents)])
    let hypervisor = try library.hypervisor()
    try hypervisor.createCheckpoint(name, of: vm)
    let disk = try hypervisor.openDisk(DiskID(rawValue: "disk0.raw"), of: vm, in: name)
    _ = try read(disk, at: 0, count: 4096)
    let file = try #require(
      FileHandle(forWritingAtPath: "\(library.directory(vm))/disk0.raw"))
    try file.write(contentsOf: Data([9]))
    try file.close()
    let error = #expect(throws: HypervisorError.self) { _ = try read(disk, at: 0, count: 4096) }
    #expect(error?.message.contains("was changed after the checkpoint") == true)
    try hypervisor.removeCheckpoint(name, of: vm)
  }

  @Test("A missing program is named with its Debian package")
  func missingProgram() throws {
    let program = Program(name: "no-such-program", package: "its-package")
    let error = #expect(throws: HypervisorError.self) {
      _ = try program.run([], deadline: Deadline(in: .seconds(1)))
    }
    #expect(error?.message.contains("Install the Debian package its-package") == true)
  }

  @Test("A raw disk converts to each format and back", arguments: DiskImageFormat.allCases)
  func conversion(_ format: DiskImageFormat) throws {
    let library = try TestLibrary()
    try library.make(vm, [(.raw, contents)])
    let hypervisor: any Hypervisor = try library.hypervisor()
    let (raw, target) = ("\(library.directory(vm))/disk0.raw", "\(library.base)/restored")
    try hypervisor.convertImage(from: raw, to: target, format: format) { false }
    let back = "\(library.base)/back.raw"
    try qemuImage(["convert", "-f", format.rawValue, "-O", "raw", target, back])
    #expect(Array(try Data(contentsOf: URL(fileURLWithPath: back))) == contents.bytes)
    let again = #expect(throws: HypervisorError.self) {
      try hypervisor.convertImage(from: raw, to: target, format: format) { false }
    }
    #expect(again?.code == .alreadyExists)
  }

  @Test(
    "A raw disk of any size converts to an image that compares equal",
    arguments: DiskImageFormat.allCases, [5, 100_001, 1 << 20, (3 << 20) + 512])
  func conversionOfSize(_ format: DiskImageFormat, _ size: Int) throws {
    let library = try TestLibrary()
    let (raw, target) = ("\(library.base)/a.raw", "\(library.base)/restored")
    try Data((0..<size).map { UInt8(truncatingIfNeeded: $0) | 1 })
      .write(to: URL(fileURLWithPath: raw))
    try ImageConversion(source: raw, target: target, format: format).run { false }
    #expect(FileManager.default.fileExists(atPath: target))
  }

  /// What a faulty qemu-img, or the disk under it, does to a good image: a byte differs, the end is missing, the
  /// conversion stops without saying so.
  @Test(
    "An image that does not read back as its raw disk is removed, with the place in the reason",
    arguments: [
      ("qemu-io -f qcow2 -c 'write -q -P 9 1048577 1' $7", "Content mismatch at offset 1048576"),
      ("qemu-img resize -q --shrink -f qcow2 $7 2M", "mismatch"),
      ("qemu-img resize -q -f qcow2 $7 4M", "mismatch"),
      ("truncate -s 5 $7", "Could not open"),
    ])
  func conversionFaulty(_ fault: String, _ reason: String) throws {
    let library = try TestLibrary()
    try library.make(vm, [(.raw, contents)])
    let tool = "\(library.base)/faulty-qemu-img"
    try """
    #!/bin/sh
    # convert -f raw -O qcow2 source target
    qemu-img "$@" || exit
    test $1 != convert || \(fault)
    """.write(toFile: tool, atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: tool)
    let target = "\(library.base)/restored"
    let conversion = ImageConversion(
      source: "\(library.directory(vm))/disk0.raw", target: target, format: .qcow2,
      tool: Program(name: tool, package: "none"))
    let error = #expect(throws: HypervisorError.self) { try conversion.run { false } }
    #expect(error?.message.contains("does not read back") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    #expect(!FileManager.default.fileExists(atPath: target))
  }

  @Test("A conversion that is canceled or fails leaves no file")
  func conversionCut() throws {
    let library = try TestLibrary()
    try library.make(vm, [(.raw, contents)])
    let hypervisor = try library.hypervisor()
    let (raw, target) = ("\(library.directory(vm))/disk0.raw", "\(library.base)/restored")
    let canceled = #expect(throws: HypervisorError.self) {
      try hypervisor.convertImage(from: raw, to: target, format: .qcow2) { true }
    }
    #expect(canceled?.code == .closed)
    #expect(!FileManager.default.fileExists(atPath: target))
    let failed = #expect(throws: HypervisorError.self) {
      try hypervisor.convertImage(from: raw, to: "/nowhere/at/all", format: .qcow2) { false }
    }
    #expect(failed?.message.contains("/nowhere/at/all") == true)
  }
}
