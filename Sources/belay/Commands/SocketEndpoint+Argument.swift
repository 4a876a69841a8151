import ArgumentParser
import Foundation
import GRPCTransport

/// An endpoint as people write it: `unix:PATH` or `HOST:PORT`.
extension SocketEndpoint: ExpressibleByArgument {
  public init?(argument: String) {
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

  public var defaultValueDescription: String { description }

  /// Where commands look for the coordinator: `$BELAY_ADDRESS`, else the socket of `belay dev`.
  static var coordinator: SocketEndpoint {
    ProcessInfo.processInfo.environment["BELAY_ADDRESS"].flatMap(SocketEndpoint.init(argument:))
      ?? .unix(path: DataDirectory.default.socket)
  }
}
