import Foundation
import GRPC
import GRPCTransport
import Testing

@Suite("Certificate files", .serialized, .timeLimit(.minutes(2)))
struct CertificateFileTests {
  private let authority: TestAuthority

  init() async throws { authority = try await TestAuthority.make() }

  private func start(
    _ identity: TLSIdentity, reloadInterval: Duration? = nil,
    serving served: Router = router(EchoService())
  ) async throws -> GRPCServer {
    var configuration = ServerConfiguration()
    configuration.tls = ServerTLS(identity)
    configuration.tls?.reloadInterval = reloadInterval
    return try await GRPCServer.start(
      served, on: .tcp(host: "127.0.0.1", port: 0), configuration: configuration)
  }

  /// Why a server does not start with these files.
  private func flaw(_ identity: TLSIdentity) async throws -> String {
    do {
      let server = try await start(identity)
      await server.shutdown(within: .zero)
      return "none"
    } catch let error as TransportError {
      return "\(error)"
    }
  }

  /// The names of the certificate that a new connection is shown.
  private func shown(by server: GRPCServer) async throws -> String {
    guard case .tcp(_, let port) = server.endpoint else { return "" }
    // Without ALPN the server closes the connection once it has shown its certificate.
    let text = await OpenSSL.connect(port: port, [])
    return text.split(separator: "\n").first { $0.hasPrefix("subject=") }.map(String.init) ?? text
  }

  @Test("What can't be used is refused at the start, with the file and the reason")
  func refusals() async throws {
    let one = try await authority.issue("one")
    try await authority.issue("two")
    let missing = TLSIdentity.files(
      certificateChain: authority.path("none.pem"), privateKey: authority.path("one.key"))
    #expect(
      try await flaw(missing)
        == "cannot use TLS: the certificate \(authority.path("none.pem")): it can't be read: "
        + "No such file or directory")
    let mixed = TLSIdentity(
      certificateChain: one.certificateChain, privateKey: .file(authority.path("two.key")))
    #expect(try await flaw(mixed).contains("does not belong to the first certificate of"))
    let swapped = TLSIdentity(
      certificateChain: one.privateKey, privateKey: one.certificateChain)
    #expect(try await flaw(swapped).contains("one.key: there is no certificate in it"))
    let keyless = TLSIdentity(
      certificateChain: one.certificateChain, privateKey: .bytes(Array("junk".utf8)))
    #expect(try await flaw(keyless).contains("text of 4 bytes: there is no private key in it"))
    let old = try await authority.issue("old", days: -1)
    #expect(try await flaw(old).contains("old.pem: its CN=old expired on"))
    let directory = TLSIdentity(
      certificateChain: .file(authority.directory), privateKey: one.privateKey)
    #expect(try await flaw(directory).contains("it is not a regular file"))
  }

  @Test("A flaw can be found before anything is started, and says which part it is in")
  func check() async throws {
    let one = try await authority.issue("one")
    let two = try await authority.issue("two")
    let missing = PEMSource.file(authority.path("none.pem"))
    try ServerTLS(one, clients: .required(authority.roots)).check()
    try ClientTLS(trust: authority.roots, identity: two).check()
    func flaw(_ check: () throws(TLSFlaw) -> Void) -> TLSFlaw? {
      do {
        try check()
        return nil
      } catch {
        return error
      }
    }
    let trust = flaw { () throws(TLSFlaw) in
      try ServerTLS(one, clients: .optional(.pem(missing))).check()
    }
    #expect(trust == flaw { () throws(TLSFlaw) in try ClientTLS(trust: .pem(missing)).check() })
    #expect(trust?.part == .trustRoots && trust?.source == missing)
    #expect(trust?.reason == "it can't be read: No such file or directory")
    for (identity, part) in [
      (TLSIdentity(certificateChain: missing, privateKey: one.privateKey), .certificateChain),
      (TLSIdentity(certificateChain: one.certificateChain, privateKey: missing), .privateKey),
      (
        TLSIdentity(certificateChain: one.certificateChain, privateKey: two.privateKey), .privateKey
      ),
    ] as [(TLSIdentity, TLSFlaw.Part)] {
      let found = flaw { () throws(TLSFlaw) in try ServerTLS(identity).check() }
      #expect(found?.part == part, "\(identity)")
    }
  }

  @Test("PEM text in memory serves as well as files")
  func bytes() async throws {
    try await authority.issue("server")
    func text(_ name: String) throws -> PEMSource {
      .bytes([UInt8](try Data(contentsOf: URL(filePath: authority.path(name)))))
    }
    let server = try await start(
      TLSIdentity(certificateChain: try text("server.pem"), privateKey: try text("server.key")))
    #expect(try await shown(by: server) == "subject=CN = server")
    await server.shutdown(within: .zero)
  }

  /// Puts another certificate, with its key, in the place of the server's.
  private func replace(with name: String) async throws {
    try await authority.issue(name)
    for suffix in [".key", ".pem"] {
      #expect(rename(authority.path(name + suffix), authority.path("server" + suffix)) == 0)
    }
  }

  @Test("A changed file is used by the next connection, and those that stand go on")
  func change() async throws {
    var peers = Router()
    peers.unary(EchoService.say) { (_: Bytes, context) in Bytes(context.peer) }
    let server = try await start(
      try await authority.issue("server"), reloadInterval: .zero, serving: peers)
    var configuration = ClientConfiguration()
    configuration.tls = ClientTLS(trust: authority.roots)
    let client = GRPCClient(server.endpoint, configuration: configuration)
    let before: Bytes = try await client.unary(EchoService.say, Bytes(""))
    #expect(try await shown(by: server) == "subject=CN = server")
    try await replace(with: "renewed")
    #expect(try await shown(by: server) == "subject=CN = renewed")
    let after: Bytes = try await client.unary(EchoService.say, Bytes(""))
    #expect(before == after)
    await client.close()
    await server.shutdown(within: .zero)
  }

  @Test("A changed file that can't be used leaves the old one in use, until it is whole")
  func badChange() async throws {
    let server = try await start(try await authority.issue("server"), reloadInterval: .zero)
    try Data("half a cert".utf8).write(to: URL(filePath: authority.path("server.pem")))
    #expect(try await shown(by: server) == "subject=CN = server")
    #expect(try await shown(by: server) == "subject=CN = server")
    await #expect(throws: TransportError.self) { try await server.reloadCertificates() }
    #expect(try await shown(by: server) == "subject=CN = server")
    try await replace(with: "renewed")
    #expect(try await shown(by: server) == "subject=CN = renewed")
    await server.shutdown(within: .zero)
  }

  @Test("Without an interval files are read again only when that is asked for")
  func explicitReload() async throws {
    let server = try await start(try await authority.issue("server"))
    try await replace(with: "renewed")
    #expect(try await shown(by: server) == "subject=CN = server")
    try await server.reloadCertificates()
    #expect(try await shown(by: server) == "subject=CN = renewed")
    await server.shutdown(within: .zero)
  }
}
