import ArgumentParser
import GRPC
import GRPCTransport
import Logging

/// Serves `grpc.testing.TestService` until it is asked to end.
@main
struct InteropServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grpc-interop-server",
    abstract: "Serves grpc.testing.TestService, for the tests of other gRPC implementations.",
    discussion: """
      The first line on standard output says where it listens, once it does. SIGUSR1 makes it \
      print a line such as `open: 0 calls, 0 handlers, 1 connections`; SIGTERM and SIGINT end \
      it, after a grace for the calls under way.
      """)

  @Option(help: "The TCP port; 0 takes any that is free.")
  var port = 0

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("Listens on a unix socket instead.", valueName: "path"))
  var unix: String?

  @Option(
    name: [.long, .customLong("tls_cert")],
    help: ArgumentHelp("Serves over TLS, with the certificate of this PEM file.", valueName: "path")
  )
  var tlsCert: String?

  @Option(
    name: [.long, .customLong("tls_key")],
    help: ArgumentHelp("The certificate's key, in a PEM file.", valueName: "path"))
  var tlsKey: String?

  @Option(help: "Seconds that calls under way are given when it ends.")
  var grace = 2

  @Option(help: "How responses are compressed where the client asks for it: gzip or deflate.")
  var compression = MessageEncoding.gzip

  @Option(help: "Bytes that all connections together may hold for their calls.")
  var memory = ServerConfiguration().memory

  @Option(help: "Bytes that one connection may hold for its calls.")
  var connectionMemory = ServerConfiguration().connectionMemory

  func validate() throws {
    guard (tlsCert == nil) == (tlsKey == nil) else {
      throw ValidationError("Give both --tls-cert and --tls-key, or neither.")
    }
    guard (0...65_535).contains(port) else {
      throw ValidationError("--port \(port) is not within 0 to 65535.")
    }
  }

  func run() async throws {
    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    let openCalls = OpenCalls()
    var router = Router()
    router.add(TestService(openCalls: openCalls, encoding: compression))
    let server = try await GRPCServer.start(router, on: endpoint, configuration: configuration)
    Output.line("listening on \(server.endpoint)")
    for await signal in signals([.terminate, .interrupt, .user1]) {
      guard signal == .user1 else { break }
      let calls = await server.counters().underWay
      Output.line(
        "open: \(calls) calls, \(openCalls.count) handlers, \(server.connectionCount) connections")
    }
    await server.shutdown(within: .seconds(grace))
  }

  private var configuration: ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.memory = memory
    configuration.connectionMemory = connectionMemory
    if let tlsCert, let tlsKey {
      configuration.tls = ServerTLS(.files(certificateChain: tlsCert, privateKey: tlsKey))
    }
    return configuration
  }

  private var endpoint: SocketEndpoint {
    unix.map { .unix(path: $0) } ?? .tcp(host: host, port: port)
  }
}
