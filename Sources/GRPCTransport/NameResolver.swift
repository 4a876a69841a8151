import Glibc
import NIOCore
import NIOPosix

/// Finds the addresses behind a host's name.
public protocol NameResolver: Sendable {
  /// The addresses, the preferred ones first. An error, or none, is a failure: the client tries
  /// again after a while.
  func addresses(ofHost host: String, port: Int) async throws -> [SocketEndpoint]
}

/// Asks the system (`getaddrinfo`: DNS, `/etc/hosts`), on a thread that may wait.
public struct SystemNameResolver: NameResolver {
  /// One like any other.
  public init() {}

  /// Every stream address of the host, some perhaps twice, in the system's order (RFC 6724).
  public func addresses(ofHost host: String, port: Int) async throws -> [SocketEndpoint] {
    try await NIOThreadPool.singleton.runIfActive { try Self.lookUp(host, port) }
  }

  private static func lookUp(_ host: String, _ port: Int) throws -> [SocketEndpoint] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    let failure = getaddrinfo(host, nil, &hints, &list)
    guard failure == 0 else {
      throw TransportError.invalidEndpoint("\(host): \(String(cString: gai_strerror(failure)))")
    }
    defer { freeaddrinfo(list) }
    var found: [SocketEndpoint] = []
    var entry = list
    while let current = entry?.pointee {
      if let address = numeric(current) {
        found.append(.tcp(host: address, port: port))
      }
      entry = current.ai_next
    }
    return found
  }

  private static func numeric(_ info: addrinfo) -> String? {
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
      let failure = getnameinfo(
        info.ai_addr, info.ai_addrlen, buffer.baseAddress, socklen_t(buffer.count), nil, 0,
        NI_NUMERICHOST)
      return failure == 0 ? buffer.baseAddress.map { String(cString: $0) } : nil
    }
    return text
  }
}

extension SocketEndpoint {
  /// Whether it is an address already, so that there is nothing to look up.
  var isAddress: Bool {
    switch self {
    case .unix: true
    case .tcp(let host, _): (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }
  }
}

/// One place that a client can connect to, and what it says it has asked for there.
struct ResolvedAddress: Sendable, Hashable {
  let endpoint: SocketEndpoint
  /// The `:authority` of its requests: the name, where there was one.
  let authority: String
  /// What the server's certificate must be for; nil: the address.
  var serverName: String?
}
