import ArgumentParser
import Foundation
import GRPCTransport
import Testing

@testable import belay

/// A file that can be read; nothing here looks into it.
private let file = "/etc/hostname"
private let other = "/etc/passwd"

@Suite("TLS of a coordinator")
struct ServerTLSOptionTests {
  @Test("Without options it speaks plaintext")
  func plaintext() throws {
    #expect(try ServerTLSOptions.parse([]).serverTLS() == nil)
  }

  @Test("A certificate and its key are TLS, and clients are not asked for theirs")
  func tls() throws {
    let tls = try ServerTLSOptions.parse(["--tls-cert", "c", "--tls-key", "k"]).serverTLS()
    #expect(tls == ServerTLS(.files(certificateChain: "c", privateKey: "k")))
  }

  @Test("With clients' authorities every client must show a certificate")
  func mutualTLS() throws {
    let tls = try ServerTLSOptions.parse([
      "--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "ca",
    ]).serverTLS()
    #expect(tls?.clients == .required(.pem(.file("ca"))))
  }

  @Test(
    "What makes no sense is wrong usage, in words",
    arguments: [
      (["--tls-cert", "c"], "--tls-cert needs --tls-key"),
      (["--tls-key", "k"], "--tls-key needs --tls-cert"),
      (["--tls-client-ca", "ca"], "--tls-client-ca needs TLS"),
      (["--tls-client-ca", "ca", "--tls-key", "k"], "--tls-key needs --tls-cert"),
      (
        ["--tls-cert", "c", "--tls-key", "k", "--insecure-allow-remote"], "--insecure-allow-remote"
      ),
    ])
  func wrong(_ arguments: [String], _ text: String) {
    expectUsageError(containing: text) { try CoordinatorCommand.parse(arguments) }
  }
}

@Suite("TLS to a coordinator")
struct ClientTLSOptionTests {
  private func tls(
    _ arguments: [String] = [], _ environment: [String: String] = [:]
  ) throws -> ClientTLS? {
    try ClientTLSOptions.parse(arguments).clientTLS(environment: environment)
  }

  @Test("Without options or variables it is plaintext, and an empty variable is none")
  func plaintext() throws {
    #expect(try tls() == nil)
    #expect(try tls([], ["BELAY_TLS_CA": "", "BELAY_TLS_SERVER_NAME": ""]) == nil)
  }

  @Test("The authorities are the system's, or those of a file")
  func trust() throws {
    #expect(try tls(["--tls"]) == ClientTLS(trust: .system))
    #expect(try tls(["--tls-ca", file]) == ClientTLS(trust: .pem(.file(file))))
  }

  @Test(
    "Who names a certificate or a server's name never gets plaintext",
    arguments: [
      ["--tls-cert", file, "--tls-key", file], ["--tls-server-name", "coordinator.test"],
    ])
  func implied(_ arguments: [String]) throws {
    #expect(try tls(arguments)?.trust == .system)
  }

  @Test("Variables stand for options, and options override them")
  func environment() throws {
    let environment = [
      "BELAY_TLS_CA": file, "BELAY_TLS_CERT": file, "BELAY_TLS_KEY": file,
      "BELAY_TLS_SERVER_NAME": "one.test",
    ]
    let identity = TLSIdentity.files(certificateChain: file, privateKey: file)
    #expect(
      try tls([], environment)
        == ClientTLS(trust: .pem(.file(file)), identity: identity, serverName: "one.test"))
    let overridden = try tls(
      [
        "--tls-ca", other, "--tls-cert", other, "--tls-key", other, "--tls-server-name", "two.test",
      ], environment)
    #expect(overridden?.trust == .pem(.file(other)))
    #expect(overridden?.identity == .files(certificateChain: other, privateKey: other))
    #expect(overridden?.serverName == "two.test")
    #expect(try tls(["--tls"], environment)?.trust == .system)
  }

  @Test(
    "What makes no sense is wrong usage, in words",
    arguments: [
      (["--tls", "--tls-ca", file], "give one of the two"),
      (["--tls-ca", file, "--tls-cert", file], "--tls-cert needs --tls-key"),
      (["--tls-ca", file, "--tls-key", file], "--tls-key needs --tls-cert"),
      (["--tls-server-name", "127.0.0.1"], "takes a host name"),
      (["--tls-server-name", "::1"], "takes a host name"),
      (["--tls-server-name", ""], "takes a host name"),
    ])
  func wrong(_ arguments: [String], _ text: String) {
    expectUsageError(containing: text) {
      try WorkerCommand.Run.parse(["--vm-root", "/vms"] + arguments)
    }
    expectUsageError(containing: text) { try JobCommand.List.parse(arguments) }
  }

  @Test("A wrong variable is called by its name")
  func wrongVariable() {
    let error = #expect(throws: ValidationError.self) {
      try tls([], ["BELAY_TLS_CERT": file])
    }
    #expect(error?.message.contains("$BELAY_TLS_CERT needs --tls-key") == true)
  }

  @Test("A coordinator that is not reached over TLS is a matter of these settings first")
  func advice() throws {
    #expect(
      try ClientTLSOptions.parse(["--tls"]).advice(environment: ["BELAY_TLS_CA": file]) == """
        Without --tls-ca the coordinator's certificate must be of one of the system's authorities, \
        and its address, or --tls-server-name, one of the certificate's names.
        If it asks for a client's certificate, add --tls-cert and --tls-key.
        """)
    #expect(
      try ClientTLSOptions.parse([
        "--tls-ca", "ca.pem", "--tls-cert", "c", "--tls-key", "k",
      ]).advice(environment: ["BELAY_TLS_SERVER_NAME": "one.test"]) == """
        --tls-ca ca.pem must hold the authority of the coordinator's certificate, \
        and $BELAY_TLS_SERVER_NAME one.test must be one of the certificate's names.
        """)
  }
}

@Suite("TLS files that can't be used")
struct TLSFileTests {
  private let files: PEMFiles

  init() throws { files = try PEMFiles() }

  /// What the operator reads.
  private func message(_ read: () throws -> Void) -> String? {
    do {
      try read()
      return nil
    } catch {
      return (error as? ValidationError)?.message
    }
  }

  @Test("Good ones are taken, of either side")
  func good() throws {
    let identity = ["--tls-cert", files.path("one.pem"), "--tls-key", files.path("one.key")]
    let server = try ServerTLSOptions.parse(identity + ["--tls-client-ca", files.path("two.pem")])
    #expect(try server.usableTLS() == server.serverTLS())
    let client = try ClientTLSOptions.parse(identity + ["--tls-ca", files.path("two.pem")])
    #expect(try client.usableTLS(environment: [:]) == client.clientTLS(environment: [:]))
    #expect(try ServerTLSOptions.parse([]).usableTLS() == nil)
  }

  @Test("What the operator typed comes first, then what is wrong and what to do")
  func flags() throws {
    let (one, key) = (files.path("one.pem"), files.path("one.key"))
    let (other, text) = (files.path("two.key"), "/etc/hostname")
    let noCertificate =
      "there is no certificate in it; it must be PEM text with -----BEGIN CERTIFICATE-----."
    for (arguments, typed, reason) in [
      (["--tls-cert", text, "--tls-key", key], "--tls-cert \(text): ", noCertificate),
      (
        ["--tls-cert", "/nowhere", "--tls-key", key], "--tls-cert /nowhere: ",
        "it can't be read: No such file or directory."
      ),
      (["--tls-cert", one, "--tls-key", text], "--tls-key \(text): ", "there is no private key"),
      (
        ["--tls-cert", one, "--tls-key", other], "--tls-key \(other): ",
        "it does not belong to the first certificate of \(one)"
      ),
    ] {
      for found in [
        message { _ = try ServerTLSOptions.parse(arguments).usableTLS() },
        message { _ = try ClientTLSOptions.parse(arguments).usableTLS(environment: [:]) },
      ] {
        #expect(found?.hasPrefix(typed + reason) == true, "\(found ?? "none")")
      }
    }
    #expect(
      message {
        _ = try ServerTLSOptions.parse([
          "--tls-cert", one, "--tls-key", key, "--tls-client-ca", text,
        ]).usableTLS()
      } == "--tls-client-ca \(text): \(noCertificate)")
    #expect(
      message { _ = try ClientTLSOptions.parse(["--tls-ca", text]).usableTLS(environment: [:]) }
        == "--tls-ca \(text): \(noCertificate)")
  }

  @Test("A variable is called by its name")
  func variables() {
    let found = message {
      _ = try ClientTLSOptions.parse([]).usableTLS(environment: ["BELAY_TLS_CA": "/nowhere"])
    }
    #expect(found == "$BELAY_TLS_CA /nowhere: it can't be read: No such file or directory.")
  }
}

/// Two self-signed certificates and their keys, made by openssl.
private final class PEMFiles {
  private let directory = NSTemporaryDirectory() + "belay-tls-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for name in ["one", "two"] {
      let openssl = Process()
      openssl.executableURL = URL(filePath: "/usr/bin/openssl")
      openssl.arguments = [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=\(name)", "-keyout", path(name + ".key"), "-out",
        path(name + ".pem"),
      ]
      openssl.standardError = FileHandle.nullDevice
      try openssl.run()
      openssl.waitUntilExit()
      try #require(openssl.terminationStatus == 0)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func path(_ name: String) -> String { directory + "/" + name }
}

@Suite("Keepalive between a coordinator and its clients")
struct KeepaliveTests {
  @Test("A client asks whether the coordinator is there, and is never cut off for it")
  func agreement() throws {
    let client = try #require(ClientConfiguration.toCoordinator(tls: nil).keepalive)
    let server = ServerConfiguration.coordinator(tls: nil, allowsInsecureNetwork: false).keepalive
    #expect(client.time == .seconds(30))
    #expect(client.withoutCalls && server.permitsPingsWithoutCalls)
    // gRPC's clients send no more than one in 10 s.
    #expect(server.shortestPingInterval < .seconds(10))
    #expect(server.shortestPingInterval < client.time)
  }
}

private func expectUsageError<Command: ParsableArguments>(
  containing text: String, _ parse: () throws -> Command
) {
  do {
    _ = try parse()
    Issue.record("it was accepted")
  } catch {
    #expect(Command.message(for: error).contains(text))
    #expect(Command.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
  }
}
