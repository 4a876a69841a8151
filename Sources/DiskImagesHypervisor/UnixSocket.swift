import Glibc
import Hypervisor

/// Stream sockets in the file system, whatever the length of their path.
enum UnixSocket {
  enum Connection: ~Copyable {
    case connected(OwnedDescriptor)
    /// No socket there, or no program behind it.
    case nobodyThere
  }

  /// Connects to the socket `name` in `directory`.
  ///
  /// sockaddr_un takes 107 bytes and checkpoint names are longer: the address goes by the directory's descriptor
  /// (`/proc/self/fd/N/name`), so only `name` must be short.
  static func connect(
    to name: String, in directory: String, deadline: Deadline
  ) throws(HypervisorError) -> Connection {
    let handle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return .nobodyThere }
      throw .system("Cannot open the directory \(directory)", errno)
    }
    let directoryDescriptor = OwnedDescriptor(taking: handle)
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw .system("Cannot make a socket", errno) }
    let descriptor = OwnedDescriptor(taking: number)
    var address = address(of: "/proc/self/fd/\(directoryDescriptor.number)/\(name)")
    // With a full backlog connect(2) blocks for as long as SO_SNDTIMEO allows.
    let milliseconds = Int(deadline.pollTimeout)
    var timeout = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000 + 1)
    setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      switch errno {
      case ENOENT, ECONNREFUSED: return .nobodyThere
      case EAGAIN:
        throw HypervisorError(
          .timeout, "The socket \(directory)/\(name) did not accept a connection in time.")
      default: throw .system("Cannot connect to \(directory)/\(name)", errno)
      }
    }
    return .connected(descriptor)
  }

  /// Two sockets connected with each other.
  static func pair() throws(HypervisorError) -> SocketPair {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw .system("Cannot make a socket pair", errno)
    }
    return SocketPair(
      ours: OwnedDescriptor(taking: ends[0]), theirs: OwnedDescriptor(taking: ends[1]))
  }

  private static func address(of path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    precondition(bytes.count < MemoryLayout.size(ofValue: address.sun_path), "socket name too long")
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return address
  }
}

struct SocketPair: ~Copyable {
  let ours: OwnedDescriptor
  let theirs: OwnedDescriptor

  init(ours: consuming OwnedDescriptor, theirs: consuming OwnedDescriptor) {
    self.ours = ours
    self.theirs = theirs
  }

  /// Closes their end, which a child process has by now, and keeps ours.
  consuming func keepingOurs() -> OwnedDescriptor { ours }
}
