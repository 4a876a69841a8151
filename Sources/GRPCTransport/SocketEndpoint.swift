import NIOCore

/// Where a server listens, or what a client connects to.
public enum SocketEndpoint: Sendable, Hashable, CustomStringConvertible {
  /// A host name or address, and a port; port 0 lets a server take any.
  case tcp(host: String, port: Int)
  /// The path of a unix socket, at most about 100 bytes.
  case unix(path: String)

  /// `host:port`, or `unix:path`.
  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  /// What a request names as its `:authority`.
  var authority: String {
    switch self {
    case .tcp: description
    case .unix: "localhost"
    }
  }

  /// What the certificate of a server here is for, by default; nil: its IP address.
  var serverName: String? {
    switch self {
    case .tcp(let host, _): (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    case .unix: "localhost"
    }
  }

  /// The socket address; looks a host name up, which may block for the resolver's time.
  func address() throws(TransportError) -> SocketAddress {
    do {
      switch self {
      case .tcp(let host, let port):
        guard (0...65_535).contains(port) else {
          throw TransportError.invalidEndpoint("the port \(port) is not one")
        }
        return try (try? SocketAddress(ipAddress: host, port: port))
          ?? SocketAddress.makeAddressResolvingHost(host, port: port)
      case .unix(let path):
        return try SocketAddress(unixDomainSocketPath: path)
      }
    } catch let error as TransportError {
      throw error
    } catch {
      throw TransportError.invalidEndpoint("\(self): \(error)")
    }
  }
}

extension SocketAddress {
  /// Whether only this machine can reach it.
  var isLocal: Bool {
    switch self {
    case .v4(let address):
      UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24 == 127
    case .v6: ipAddress == "::1"
    case .unixDomainSocket: true
    }
  }
}

/// Why a server could not be started.
public enum TransportError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The endpoint is not an address, or its name has none.
  case invalidEndpoint(String)
  /// Plaintext on an address that others can reach needs `ServerConfiguration.allowsInsecureNetwork`;
  /// with `ServerConfiguration.tls` there is no such bound.
  case insecureEndpoint(String)
  /// The address is taken, or may not be used.
  case cannotListen(String)
  /// A certificate, a key or the trusted authorities can't be used.
  case tls(String)

  public var description: String {
    switch self {
    case .invalidEndpoint(let text): "invalid endpoint: \(text)"
    case .insecureEndpoint(let text):
      "\(text) can be reached from other machines, and this server would speak plaintext there; "
        + "set up TLS, or allow it explicitly"
    case .cannotListen(let text): "cannot listen: \(text)"
    case .tls(let text): "cannot use TLS: \(text)"
    }
  }
}
