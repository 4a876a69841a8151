import Glibc
import Hypervisor

/// A file descriptor that is closed when its owner goes.
struct OwnedDescriptor: ~Copyable {
  let number: Int32

  /// Takes ownership of an open descriptor.
  init(taking number: Int32) { self.number = number }

  deinit { Glibc.close(number) }

  /// Gives up ownership.
  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// A second descriptor of the same open file, with close-on-exec.
  func duplicate() throws(HypervisorError) -> OwnedDescriptor {
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw .system("Cannot duplicate a file descriptor", errno) }
    return OwnedDescriptor(taking: copy)
  }
}

extension HypervisorError {
  /// An error of the operating system, in words.
  static func system(_ what: String, _ code: Int32) -> HypervisorError {
    let why = String(cString: strerror(code))
    return HypervisorError(.failed, "\(what): \(why)")
  }
}
