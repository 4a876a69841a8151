package import BackupModel

/// Checkpoints of virtual machines, and the reading of their disks as they were at that moment.
///
/// Every adapter passes `Conformance`'s hypervisor suite. Calls may block their thread for as long as the
/// hypervisor takes, within each method's stated bound; call them from a thread that may wait.
package protocol Hypervisor: Sendable {
  /// The name that jobs give as an object's hypervisor, such as `disk-images`.
  var name: String { get }

  /// What is on this host.
  func listVirtualMachines() throws(HypervisorError) -> [VirtualMachine]

  /// The disks of one VM. Throws `notFound` if there is no such VM.
  func virtualMachine(_ id: VirtualMachineID) throws(HypervisorError) -> VirtualMachine

  /// Freezes all disks of a VM at one moment, under `name`.
  ///
  /// When it throws, nothing of that name is left, or ``listCheckpoints()`` names what is. A second call with the
  /// same name throws `alreadyExists`.
  func createCheckpoint(_ name: CheckpointName, of vm: VirtualMachineID) throws(HypervisorError)

  /// Opens one disk as it was when the checkpoint was made. Bytes stay the same however often they are read and
  /// whatever the VM writes.
  func openDisk(_ disk: DiskID, of vm: VirtualMachineID, in checkpoint: CheckpointName)
    throws(HypervisorError) -> any FrozenDisk

  /// Vouches for what was read: throws if a byte that came from the checkpoint's disks may not be what was on them
  /// when it was made.
  ///
  /// Ask when the last read of the last disk has ended. A freeze that ended never begins again, so one that holds
  /// now held during every read before. Throws `closed` if the checkpoint was removed, `failed` if it is there but
  /// does not hold. Bounded: 30 s.
  func verifyCheckpoint(_ name: CheckpointName, of vm: VirtualMachineID) throws(HypervisorError)

  /// Removes a checkpoint with all that belongs to it: exports, scratch files, sockets, processes. A missing one
  /// counts as removed. Open readers of it fail from then on. Bounded: 30 s.
  func removeCheckpoint(_ name: CheckpointName, of vm: VirtualMachineID) throws(HypervisorError)

  /// The checkpoints with our prefix that exist on this host now, whole or half made, whoever made them.
  func listCheckpoints() throws(HypervisorError) -> [ExistingCheckpoint]

  /// Writes the raw disk image in the file `raw` to a new file at `path`, in another format, and compares the two:
  /// when it returns, the new image is durable and reads as the raw one.
  ///
  /// When it throws, there is no file at `path`, unless there was one before (`alreadyExists`). Ends soon (within
  /// 1 s) with `closed` when `isCancelled` says so; bounded by the image's size.
  func convertImage(
    from raw: String, to path: String, format: DiskImageFormat, isCancelled: () -> Bool
  ) throws(HypervisorError)
}

extension Hypervisor {
  /// Refuses: a hypervisor need not know image formats.
  package func convertImage(
    from raw: String, to path: String, format: DiskImageFormat, isCancelled: () -> Bool
  ) throws(HypervisorError) {
    throw HypervisorError(
      .invalid, "The hypervisor \(name) cannot write \(format.rawValue) images; restore to raw.")
  }
}

/// One disk of a checkpoint, open for reading.
///
/// Calls block; several threads may read the same disk at once.
package protocol FrozenDisk: Sendable {
  /// In bytes; any number, not always a multiple of a block.
  var size: UInt64 { get }

  /// What lies in `range`: consecutive extents that cover it exactly, in order. A hole reads as zeros and need not
  /// be read.
  func extents(in range: Range<UInt64>) throws(HypervisorError) -> [DiskExtent]

  /// Fills `buffer` with the disk's bytes from `offset` on; the range must lie within the disk.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(HypervisorError)

  /// Ends reading. A read under way in another thread fails soon (within 1 s), and so does each later one.
  func close()
}

/// A run of bytes of a disk that are all holes, or all data.
package struct DiskExtent: Hashable, Sendable {
  package let range: Range<UInt64>
  package let isHole: Bool

  package init(range: Range<UInt64>, isHole: Bool) {
    self.range = range
    self.isHole = isHole
  }
}

/// A virtual machine as its hypervisor describes it.
package struct VirtualMachine: Hashable, Sendable {
  package struct Disk: Hashable, Sendable {
    package let id: DiskID
    /// The virtual size in bytes.
    package let size: UInt64

    package init(id: DiskID, size: UInt64) {
      self.id = id
      self.size = size
    }
  }

  package let id: VirtualMachineID
  /// In a stable order.
  package let disks: [Disk]

  package init(id: VirtualMachineID, disks: [Disk]) {
    self.id = id
    self.disks = disks
  }
}

/// A checkpoint that was found on a host.
package struct ExistingCheckpoint: Hashable, Sendable {
  package let name: CheckpointName
  package let virtualMachine: VirtualMachineID

  package init(name: CheckpointName, virtualMachine: VirtualMachineID) {
    self.name = name
    self.virtualMachine = virtualMachine
  }
}

/// Why a hypervisor did not do what it was asked.
package struct HypervisorError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// No such VM, disk or checkpoint.
    case notFound
    case alreadyExists
    /// The VM's disks cannot be frozen now: another program holds them, say.
    case busy
    /// A disk image or description is not readable as what it claims to be.
    case invalid
    /// The hypervisor did not answer within the bound.
    case timeout
    /// Reading ended because the disk was closed or its checkpoint removed.
    case closed
    /// Anything else that the hypervisor reported.
    case failed
  }

  package let code: Code
  /// What happened, why, and what to do: for people.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }

  /// Whether another worker, or the same one later, may succeed.
  package var isRetryable: Bool {
    switch code {
    case .busy, .timeout, .failed, .closed, .alreadyExists: true
    case .notFound, .invalid: false
    }
  }
}
