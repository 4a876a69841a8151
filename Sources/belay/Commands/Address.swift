import ArgumentParser
import Foundation

/// Where a server listens: `unix:PATH` or `HOST:PORT`.
enum Address: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
  case unix(path: String)
  case tcp(host: String, port: Int)

  init?(argument: String) {
    if argument.hasPrefix("unix:") {
      let path = String(argument.dropFirst("unix:".count))
      // sockaddr_un holds 107 bytes and a NUL.
      guard !path.isEmpty, path.utf8.count <= 107 else { return nil }
      self = .unix(path: path)
      return
    }
    guard let colon = argument.lastIndex(of: ":"),
      let port = Int(argument[argument.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = String(argument[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard !host.isEmpty else { return nil }
    self = .tcp(host: host, port: port)
  }

  var description: String {
    switch self {
    case .unix(let path): "unix:\(path)"
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }

  var defaultValueDescription: String { description }

  /// `$BELAY_ADDRESS`, else the socket of `belay dev`.
  static var `default`: Address {
    ProcessInfo.processInfo.environment["BELAY_ADDRESS"].flatMap(Address.init(argument:))
      ?? .unix(path: DataDirectory.default.socket)
  }
}
