import Glibc

/// A socket that another process, such as systemd, listens on and hands to this one
/// (sd_listen_fds(3)): no connection is refused while a server is replaced, and none is too early.
///
/// ```swift
/// let server = try await GRPCServer.start(router, inheriting: InheritedSocket.all())
/// ```
public struct InheritedSocket: Sendable, Hashable {
  /// What the unit calls it (`FileDescriptorName=`); `unknown` if it has no name.
  public let name: String
  let descriptor: Int32

  /// The sockets handed over; none if the process was started in another way.
  ///
  /// A server takes them over: they are there to be used once.
  /// - Throws: a `TransportError.cannotListen` if one is no listening stream socket.
  public static func all() throws(TransportError) -> [InheritedSocket] {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    return try handedOver(
      process: variable("LISTEN_PID"), count: variable("LISTEN_FDS"),
      names: variable("LISTEN_FDNAMES"), to: getpid(), from: 3)
  }

  /// As the environment says, for the process of this id; `first`: the descriptor of the first.
  static func handedOver(
    process: String?, count: String?, names: String?, to own: pid_t, from first: Int32
  ) throws(TransportError) -> [InheritedSocket] {
    // The variables reach children too, for whom they are not meant.
    guard let process, pid_t(process) == own else { return [] }
    guard let count = count.flatMap({ Int32($0) }), (0...maximumCount).contains(count) else {
      throw .cannotListen("LISTEN_FDS is \"\(count ?? "")\", and not a number of sockets")
    }
    let names = names?.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    var sockets: [InheritedSocket] = []
    for index in 0..<count {
      let name = names.flatMap { Int(index) < $0.count ? $0[Int(index)] : nil } ?? "unknown"
      let socket = InheritedSocket(name: name, descriptor: first + index)
      try socket.check()
      sockets.append(socket)
    }
    return sockets
  }

  private static let maximumCount: Int32 = 1_000

  private func check() throws(TransportError) {
    guard option(SO_TYPE) == Int32(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN) == 1 else {
      throw .cannotListen(
        "the inherited descriptor \(descriptor) (\(name)) is not a listening stream socket; "
          + "the unit needs ListenStream= and Accept=no")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  private func option(_ option: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : nil
  }

  /// Whether only this machine can reach it.
  var isLocal: Bool {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &storage) { bytes in
      guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        getsockname(descriptor, address, &length) == 0
      else { return false }
      switch Int32(address.pointee.sa_family) {
      case AF_UNIX: return true
      case AF_INET:
        return bytes.load(as: sockaddr_in.self).sin_addr.s_addr.bigEndian >> 24 == 127
      case AF_INET6:
        let loopback = [UInt8](repeating: 0, count: 15) + [1]
        return withUnsafeBytes(of: bytes.load(as: sockaddr_in6.self).sin6_addr) {
          $0.elementsEqual(loopback)
        }
      default: return false
      }
    }
  }
}
