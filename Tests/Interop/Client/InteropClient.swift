import ArgumentParser
import GRPC
import GRPCTransport

/// Runs interop test cases against a server, and says which passed.
@main
struct InteropClient: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grpc-interop-client",
    abstract: "Runs gRPC's interop test cases against a server of grpc.testing.TestService.",
    discussion: """
      It prints a line for each case, and ends with 0 if all have passed, else with 1. The cases \
      killed_server and drained_server say what is to be done to the server (`DO kill`, \
      `DO drain`, `DO start`), and go on when a line comes on standard input.

      CASES
      \(InteropCase.allCases.map { "  \($0.rawValue)" }.joined(separator: "\n"))
      """)

  @Option(
    name: [.long, .customLong("server_host")], help: "The server's name or address.")
  var serverHost = "127.0.0.1"

  @Option(name: [.long, .customLong("server_port")], help: "The server's TCP port.")
  var serverPort: Int?

  @Option(help: ArgumentHelp("The server's unix socket, instead.", valueName: "path"))
  var unix: String?

  @Flag(name: [.long, .customLong("use_tls")], help: "Connects over TLS.")
  var useTls = false

  @Option(
    help: ArgumentHelp(
      "The authorities that its certificate must be of, in a PEM file; else the system's.",
      valueName: "path"))
  var ca: String?

  @Option(
    name: [.long, .customLong("server_host_override")],
    help: ArgumentHelp("The name that its certificate must be for.", valueName: "name"))
  var serverHostOverride: String?

  @Option(
    name: [.long, .customLong("test_case")],
    help: "A case's name, names with commas between, or `all` that need nobody's help.")
  var testCase = "large_unary"

  @Option(help: "Calls in parallel, in concurrent_large_unary.")
  var concurrency = 1_000

  @Option(help: "How requests are compressed in client_compressed_…: gzip or deflate.")
  var compression = MessageEncoding.gzip

  @OptionGroup var soak: SoakOptions

  @Option(help: "Seconds that one case may take.")
  var timeout = 60

  private var cases: [InteropCase] {
    get throws {
      if testCase == "all" { return InteropCase.unattended }
      return try testCase.split(separator: ",").map { name in
        guard let known = InteropCase(rawValue: String(name)) else {
          throw ValidationError("There is no case '\(name)'; --help lists them.")
        }
        return known
      }
    }
  }

  private var endpoint: SocketEndpoint {
    get throws {
      if let unix { return .unix(path: unix) }
      guard let serverPort, (1...65_535).contains(serverPort) else {
        throw ValidationError("Give --server-port, within 1 to 65535, or --unix.")
      }
      return .tcp(host: serverHost, port: serverPort)
    }
  }

  private var configuration: ClientConfiguration {
    var configuration = ClientConfiguration()
    if useTls {
      configuration.tls = ClientTLS(
        trust: ca.map { .pem(.file($0)) } ?? .system, serverName: serverHostOverride)
    }
    return configuration
  }

  func validate() throws {
    guard useTls || (ca == nil && serverHostOverride == nil) else {
      throw ValidationError("--ca and --server-host-override need --use-tls.")
    }
    _ = try cases
    _ = try endpoint
    guard concurrency > 0, timeout > 0 else {
      throw ValidationError("--concurrency and --timeout must be more than 0.")
    }
  }

  func run() async throws {
    let endpoint = try endpoint
    let configuration = configuration
    let peer = Peer(concurrency: concurrency, encoding: compression, soak: soak) {
      GRPCClient(endpoint, configuration: configuration)
    }
    var failures = 0
    for interopCase in try cases {
      do {
        try await within(.seconds(timeout)) { try await interopCase.run(against: peer) }
        Output.line("PASS \(interopCase.rawValue)")
      } catch {
        failures += 1
        Output.line("FAIL \(interopCase.rawValue): \(error)")
      }
    }
    await peer.client.close(within: .seconds(2))
    if failures > 0 { throw ExitCode(1) }
  }
}

/// Runs a case, and gives it up after a while.
private func within(
  _ limit: Duration, _ body: @escaping @Sendable () async throws -> Void
) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask(operation: body)
    group.addTask {
      try await Task.sleep(for: limit)
      throw Mismatch("not done after \(limit)")
    }
    try await group.next()
    group.cancelAll()
  }
}
