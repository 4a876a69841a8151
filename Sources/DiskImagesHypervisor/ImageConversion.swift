import BackupModel
import Glibc
import Hypervisor

/// Writes a restored raw disk as an image of another format.
struct ImageConversion {
  let source: String
  let target: String
  let format: DiskImageFormat

  /// Below this the disk is too slow to go on with.
  private static let slowestRate: UInt64 = 4 << 20

  /// Leaves the target whole and durable, or not there.
  func run(isCancelled: () -> Bool) throws(HypervisorError) {
    var status = stat()
    guard stat(source, &status) == 0 else {
      throw .system("Cannot convert \(source)", errno)
    }
    guard access(target, F_OK) != 0 else {
      throw HypervisorError(.alreadyExists, "Cannot convert to \(target): it exists already.")
    }
    let seconds = 60 + UInt64(status.st_size) / Self.slowestRate
    do throws(HypervisorError) {
      let outcome = try Program.imageTool.run(
        ["convert", "-f", "raw", "-O", format.rawValue, absolute(source), absolute(target)],
        deadline: Deadline(in: .seconds(Int64(seconds))), isCancelled: isCancelled)
      guard outcome.succeeded else {
        throw HypervisorError(
          .failed, "qemu-img cannot convert \(source) to \(format.rawValue): \(outcome.complaint)")
      }
      try sync()
    } catch {
      unlink(target)
      throw error
    }
  }

  private func sync() throws(HypervisorError) {
    let number = open(target, O_RDWR | O_CLOEXEC)
    guard number >= 0 else { throw .system("Cannot open \(target)", errno) }
    let descriptor = OwnedDescriptor(taking: number)
    guard fsync(descriptor.number) == 0 else {
      throw .system("Cannot make \(target) durable", errno)
    }
  }

  /// A relative path could be taken for a protocol (`nbd:…`) or an option.
  private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "./" + path }
}
