import Foundation
import GRPCTransport
import Testing

/// A certificate authority of one test, made by openssl, with the certificates that it issues.
final class TestAuthority: Sendable {
  let directory: String
  /// The authority's own certificate.
  var roots: TrustRoots { .pem(.file(path("ca.pem"))) }

  private init(in directory: String) {
    self.directory = directory
  }

  static func make() async throws -> TestAuthority {
    let authority = TestAuthority(in: NSTemporaryDirectory() + "tls-\(UUID().uuidString)")
    try await authority.found()
    return authority
  }

  private func found() async throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try await OpenSSL.run(
      ["req", "-x509"] + Self.newKey + [
        "-days", "2", "-subj", "/CN=Test authority", "-keyout", path("ca.key"), "-out",
        path("ca.pem"),
      ])
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func path(_ name: String) -> String { directory + "/" + name }

  /// Issues a certificate; files of the same name are replaced by renaming.
  ///
  /// `names` is as in openssl's `subjectAltName`.
  @discardableResult
  func issue(
    _ name: String, names: String = "DNS:localhost,IP:127.0.0.1", days: Int = 2
  ) async throws -> TLSIdentity {
    let (key, request, certificate) = (path("new.key"), path("new.csr"), path("new.pem"))
    try await OpenSSL.run(
      ["req"] + Self.newKey + [
        "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)", "-keyout", key, "-out",
        request,
      ])
    try await OpenSSL.run([
      "x509", "-req", "-in", request, "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-days",
      "\(days)", "-copy_extensions", "copy", "-out", certificate,
    ])
    for (from, suffix) in [(key, ".key"), (certificate, ".pem")] {
      guard rename(from, path(name + suffix)) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
    return identity(name)
  }

  func identity(_ name: String) -> TLSIdentity {
    .files(certificateChain: path(name + ".pem"), privateKey: path(name + ".key"))
  }

  private static let newKey = [
    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
  ]
}

/// The openssl command. Waits on a thread of its own, so that tests go on meanwhile.
enum OpenSSL {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static func run(_ arguments: [String]) async throws {
    let (text, status) = await output("openssl " + quoted(arguments))
    guard status == 0 else { throw Failure(description: text) }
  }

  /// Connects to a server on loopback, and returns what it says of the connection once that is closed.
  static func connect(port: Int, _ options: [String]) async -> String {
    let arguments = ["s_client", "-ign_eof", "-connect", "127.0.0.1:\(port)"] + options
    return await output("timeout -s KILL 20 openssl " + quoted(arguments)).text
  }

  static func quoted(_ arguments: [String]) -> String {
    arguments.map { "'\($0)'" }.joined(separator: " ")
  }

  private static func output(_ command: String) async -> (text: String, status: Int32) {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let lines = ShellCommand(command)
        var text = ""
        while let line = lines.next() { text += line }
        continuation.resume(returning: (text, lines.wait()))
      }
    }
  }
}

/// `openssl s_server` for as long as `body` runs, which is given its port.
func withOpenSSLServer(
  _ authority: TestAuthority, _ options: [String], _ body: (Int) async throws -> Void
) async throws {
  let server = [
    "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", authority.path("server.pem"), "-key",
    authority.path("server.key"),
  ]
  let command = "exec timeout -s KILL 60 openssl " + OpenSSL.quoted(server + options)
  // "ACCEPT 127.0.0.1:39021" says that it listens, and where.
  let started: (process: Int32, port: Int) = await withCheckedContinuation { continuation in
    Thread.detachNewThread {
      let lines = ShellCommand(command)
      var port = 0
      while port == 0, let line = lines.next() {
        if line.hasPrefix("ACCEPT") {
          port = line.split { !$0.isNumber }.last.flatMap { Int($0) } ?? 0
        }
      }
      continuation.resume(returning: (lines.process, port))
      while lines.next() != nil {}
      _ = lines.wait()
    }
  }
  defer { if started.process > 0 { kill(started.process, SIGTERM) } }
  try #require(started.port > 0)
  try await body(started.port)
}
