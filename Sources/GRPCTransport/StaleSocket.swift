import Glibc
import NIOCore
import NIOPosix

/// The file that a server which was killed left behind.
enum StaleSocket {
  /// Removes the file if it is a socket and nobody answers there.
  static func remove(_ path: String, group: any EventLoopGroup) async throws(TransportError) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else {
      throw .cannotListen("\(path) exists and is not a socket")
    }
    let probe = try? await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
    if let probe {
      try? await probe.close()
      throw .cannotListen("another server listens on \(path)")
    }
    unlink(path)
  }
}
