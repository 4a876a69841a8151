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
      (["--tls-ca", "/nowhere/ca.pem"], "/nowhere/ca.pem can't be read"),
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
    let unreadable = #expect(throws: ValidationError.self) {
      try tls([], ["BELAY_TLS_CA": "/nowhere"])
    }
    #expect(unreadable?.message.contains("$BELAY_TLS_CA") == true)
  }
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
