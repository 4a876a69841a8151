import ArgumentParser
import Foundation
import GRPC
import GRPCTransport
import Glibc
import NIOCore
import NIOPosix

@main
struct RPCBenchServer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc-bench-server",
    abstract: "Serve bench.v1.EchoService, for Deploy/bench to measure.",
    discussion: """
      Prints where it listens once it does, and ends at SIGTERM or Ctrl-C. All that a server in production has is \
      on: deadlines, the limits of calls, connections and memory, and metrics.
      """)

  @Option(help: "Listen on this port of 127.0.0.1; 0 takes any.")
  var port = 0

  @Option(help: "Listen on a unix socket with this path instead.")
  var unix: String?

  @Option(help: "Event loops to serve connections with.")
  var threads = 1

  @Option(help: "Serve over TLS with the certificates in this PEM file.")
  var tlsCert: String?

  @Option(help: "The certificate's key, a PEM file.")
  var tlsKey: String?

  func validate() throws {
    if (tlsCert == nil) != (tlsKey == nil) {
      throw ValidationError("--tls-cert and --tls-key go together")
    }
    if threads < 1 { throw ValidationError("--threads has to be at least 1") }
  }

  // Not an async `main`: that would end the main thread in `sigsuspend`, where valgrind 3.19 crashes.
  func run() throws {
    // Before there are threads, so that all of them leave the signals to this one.
    var endings = sigset_t()
    sigemptyset(&endings)
    sigaddset(&endings, SIGTERM)
    sigaddset(&endings, SIGINT)
    pthread_sigmask(SIG_BLOCK, &endings, nil)

    let endpoint: SocketEndpoint =
      unix.map { .unix(path: $0) } ?? .tcp(host: "127.0.0.1", port: port)
    let tls: ServerTLS? =
      if let tlsCert, let tlsKey {
        ServerTLS(.files(certificateChain: tlsCert, privateKey: tlsKey))
      } else {
        nil
      }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    let server = try group.next().makeFutureWithTask {
      var configuration = ServerConfiguration()
      configuration.maximumConnections = 20_000
      configuration.tls = tls
      var router = Router()
      router.intercept(with: MetricsInterceptor(factory: InMemoryMetrics()))
      router.add(EchoService())
      return try await GRPCServer.start(
        router, on: endpoint, configuration: configuration, group: group)
    }.wait()
    try FileHandle.standardOutput.write(contentsOf: Data("listening on \(server.endpoint)\n".utf8))
    var ending: Int32 = 0
    sigwait(&endings, &ending)
    try group.next().makeFutureWithTask { await server.shutdown(within: .seconds(1)) }.wait()
    try group.syncShutdownGracefully()
  }
}
