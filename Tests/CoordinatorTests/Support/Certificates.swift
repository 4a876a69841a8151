import Foundation
import GRPCTransport
import Testing

/// An authority and the certificates that it issues, made by openssl in a directory of their own.
final class Certificates: Sendable {
  private let directory = NSTemporaryDirectory() + "belay-ca-\(UUID().uuidString)"

  var roots: TrustRoots { .pem(.file(path("ca.pem"))) }

  init() throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try openssl(
      ["req", "-x509"] + Self.newKey
        + ["-days", "2", "-subj", "/CN=ca", "-keyout", path("ca.key"), "-out", path("ca.pem")])
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// `names` is as in openssl's `subjectAltName`.
  func issue(_ name: String, names: String) throws -> TLSIdentity {
    try openssl(
      ["req"] + Self.newKey + [
        "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)", "-keyout",
        path(name + ".key"), "-out", path(name + ".csr"),
      ])
    try openssl([
      "x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
      "-days", "2", "-copy_extensions", "copy", "-out", path(name + ".pem"),
    ])
    return .files(certificateChain: path(name + ".pem"), privateKey: path(name + ".key"))
  }

  private func path(_ name: String) -> String { directory + "/" + name }

  private static let newKey = [
    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
  ]

  private func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/openssl")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}
