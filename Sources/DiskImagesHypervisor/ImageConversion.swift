import BackupModel
import Glibc
import Hypervisor

/// Writes a restored raw disk as an image of another format, and compares the two.
struct ImageConversion {
  let source: String
  let target: String
  let format: DiskImageFormat
  var tool = Program.imageTool

  /// Below this the disk is too slow to go on with.
  private static let slowestRate: UInt64 = 4 << 20

  /// Leaves the target whole, durable and read back, or not there.
  func run(isCancelled: () -> Bool) throws(HypervisorError) {
    var status = stat()
    guard stat(source, &status) == 0 else {
      throw .system("Cannot convert \(source)", errno)
    }
    guard access(target, F_OK) != 0 else {
      throw HypervisorError(.alreadyExists, "Cannot convert to \(target): it exists already.")
    }
    // For each of the two passes.
    let bound = Duration.seconds(Int64(60 + UInt64(status.st_size) / Self.slowestRate))
    do throws(HypervisorError) {
      try convert(deadline: Deadline(in: bound), isCancelled)
      try sync()
      try compare(deadline: Deadline(in: bound), isCancelled)
    } catch {
      unlink(target)
      throw error
    }
  }

  private func convert(deadline: Deadline, _ isCancelled: () -> Bool) throws(HypervisorError) {
    let outcome = try tool.run(
      ["convert", "-f", "raw", "-O", format.rawValue, absolute(source), absolute(target)],
      deadline: deadline, isCancelled: isCancelled)
    guard outcome.succeeded else {
      throw HypervisorError(
        .failed, "qemu-img cannot convert \(source) to \(format.rawValue): \(outcome.complaint)")
    }
  }

  /// Reads both from end to end. Their sizes must agree too, up to the sector to which QEMU rounds a raw file: a
  /// mismatch is only a warning of qemu-img's, which the exact words rule out. (Its strict mode compares what is
  /// allocated, which formats do differently.)
  private func compare(deadline: Deadline, _ isCancelled: () -> Bool) throws(HypervisorError) {
    let outcome = try tool.run(
      ["compare", "-f", "raw", "-F", format.rawValue, absolute(source), absolute(target)],
      deadline: deadline, isCancelled: isCancelled)
    let verdict = String(decoding: outcome.output.prefix(2048), as: UTF8.self)
      .split(separator: "\n").joined(separator: "; ")
    guard outcome.succeeded, verdict == "Images are identical." else {
      throw HypervisorError(
        .failed,
        "The \(format.rawValue) image \(target) does not read back as the raw disk that was converted: "
          + (verdict.isEmpty ? outcome.complaint : verdict))
    }
  }

  /// Makes the image durable, and has it read from the disk from then on, not from memory.
  private func sync() throws(HypervisorError) {
    let number = open(target, O_RDWR | O_CLOEXEC)
    guard number >= 0 else { throw .system("Cannot open \(target)", errno) }
    let descriptor = OwnedDescriptor(taking: number)
    guard fsync(descriptor.number) == 0 else {
      throw .system("Cannot make \(target) durable", errno)
    }
    // Advice that is not taken costs no correctness.
    _ = posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_DONTNEED)
  }

  /// A relative path could be taken for a protocol (`nbd:…`) or an option.
  private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "./" + path }
}
