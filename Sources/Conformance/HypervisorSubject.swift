package import BackupModel
package import Hypervisor

/// A hypervisor under test, and what its guests can do.
package protocol HypervisorSubject: Sendable {
  var hypervisor: any Hypervisor { get }

  /// Makes a VM with a disk for each of `disks`, in the order in which the hypervisor is to list them.
  func makeVirtualMachine(_ id: VirtualMachineID, disks: [DiskContents]) throws

  /// Writes as the VM's guest would, and returns when the write is acknowledged. False: the guest cannot write now,
  /// since the freeze keeps writers out.
  func write(
    _ bytes: [UInt8], at offset: UInt64, to disk: DiskID, of vm: VirtualMachineID
  ) throws -> Bool

  /// Ends what keeps the disks of a VM as they were, as another program could, behind the hypervisor's back: its
  /// checkpoints stay, but hold no longer.
  func breakFreeze(of vm: VirtualMachineID) throws
}

/// What is on a disk: zeros but for some pieces.
package struct DiskContents: Sendable {
  package struct Piece: Sendable {
    package let offset: Int
    package let bytes: [UInt8]

    package init(offset: Int, bytes: [UInt8]) {
      self.offset = offset
      self.bytes = bytes
    }
  }

  /// In bytes.
  package let size: Int
  package let pieces: [Piece]

  package init(size: Int, pieces: [Piece]) {
    self.size = size
    self.pieces = pieces
  }

  /// All of it.
  package var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: size)
    for piece in pieces {
      bytes.replaceSubrange(piece.offset..<piece.offset + piece.bytes.count, with: piece.bytes)
    }
    return bytes
  }
}
