import BackupModel
import BelayAPI
import GRPC
import GRPCTransport
import Testing

@testable import Coordinator

/// Who is recorded as having asked for something.
@Suite("Principals", .timeLimit(.minutes(1)))
struct PrincipalTests {
  private static func identity(
    uris: [String] = [], dns: [String] = [], common: String? = nil
  ) -> PeerIdentity {
    var identity = PeerIdentity()
    identity.uris = uris
    identity.dnsNames = dns
    identity.commonName = common
    identity.emails = ["ann@belay.test"]
    return identity
  }

  @Test(
    "A certificate is known by its SPIFFE id, else its DNS name, else its common name",
    arguments: [
      (
        identity(
          uris: ["https://ann.test", "spiffe://t/ann"], dns: ["ann.test"], common: "Ann"),
        "spiffe://t/ann"
      ),
      (identity(uris: ["https://ann.test"], dns: ["a.test", "b.test"], common: "Ann"), "a.test"),
      (identity(common: "Zo\u{eb} Ann"), "Zo\u{eb} Ann"),
      (identity(uris: ["spiffe://t/a\nb"], dns: [""], common: "Ann"), "Ann"),
      (identity(dns: [String(repeating: "a", count: 1025)], common: "a\u{202e}b"), nil),
      (identity(), nil),
    ] as [(PeerIdentity, String?)])
  func names(identity: PeerIdentity, expected: String?) {
    #expect(identity.principal == expected)
  }

  @Test("A stop over mutual TLS is in the certificate's name, whatever the client declares")
  func mutualTLS() async throws {
    let certificates = try Certificates()
    var serving = ServerConfiguration()
    serving.tls = ServerTLS(
      try certificates.issue("server", names: "DNS:localhost"),
      clients: .required(certificates.roots))
    var calling = ClientConfiguration()
    calling.tls = ClientTLS(
      trust: certificates.roots,
      identity: try certificates.issue(
        "ann", names: "DNS:ann.test,URI:spiffe://belay.test/operator/ann"),
      serverName: "localhost")
    try await Bench.run { [serving, calling] bench in
      let server = try await GRPCServer.start(
        bench.router, on: .tcp(host: "127.0.0.1", port: 0), configuration: serving)
      let client = GRPCClient(server.endpoint, configuration: calling)
      var options = CallOptions(timeout: .seconds(30))
      try options.metadata.add(principalHeader, "root")
      try await bench.start()
      let answer = try await BelayV1.SessionServiceClient(client).stopSession(
        .init(name: "jobs/nightly/sessions/s1", mode: .immediate, reason: "noise"),
        options: options)
      let requester = try #require(answer.stop?.requester)
      #expect(requester.principal == "spiffe://belay.test/operator/ann")
      #expect(requester.peer.hasPrefix("ipv4:127.0.0.1:"))
      await client.close()
      await server.shutdown(within: .seconds(5))
      // What was stored says the same, to whoever asks from elsewhere.
      let log = try await bench.sessions.listLogRecords(.init(parent: "jobs/nightly/sessions/s1"))
      let lines = log.logRecords.map(\.message)
      let expected =
        "Job is being stopped immediately by spiffe://belay.test/operator/ann: noise"
      #expect(lines.contains(expected), "\(lines)")
    }
  }

  @Test("Without a certificate it is what the client declares, else anonymous")
  func declared() async throws {
    try await Bench.run { bench in
      for (declared, expected) in [("ann", "ann"), (nil, "anonymous")] {
        var options = CallOptions()
        if let declared { try options.metadata.add(principalHeader, declared) }
        let id = "job-\(expected)"
        _ = try await bench.jobs.createJob(.init(jobID: id, job: Bench.job()))
        let session = try await bench.jobs.startJob(.init(name: "jobs/\(id)"), options: options)
          .session
        #expect(session?.requester?.principal == expected)
      }
    }
  }
}
