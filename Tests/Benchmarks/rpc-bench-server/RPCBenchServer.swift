import ArgumentParser
import Dispatch
import Foundation
import GRPC
import GRPCTransport
import NIOPosix

@main
struct RPCBenchServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc-bench-server",
    abstract: "Serve bench.v1.EchoService, for Deploy/bench to measure.",
    discussion: """
      Prints where it listens once it does, and ends at SIGTERM or Ctrl-C. All that a server in production has is \
      on: deadlines, and the limits of calls, connections and memory.
      """)

  @Option(help: "Listen on this port of 127.0.0.1; 0 takes any.")
  var port = 0

  @Option(help: "Listen on a unix socket with this path instead.")
  var unix: String?

  @Option(help: "Event loops to serve connections with.")
  var threads = 1

  func validate() throws {
    if threads < 1 { throw ValidationError("--threads has to be at least 1") }
  }

  func run() async throws {
    var configuration = ServerConfiguration()
    configuration.maximumConnections = 20_000
    var router = Router()
    router.add(EchoService())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    let server = try await GRPCServer.start(
      router, on: unix.map { .unix(path: $0) } ?? .tcp(host: "127.0.0.1", port: port),
      configuration: configuration, group: group)
    try FileHandle.standardOutput.write(contentsOf: Data("listening on \(server.endpoint)\n".utf8))
    await Self.toldToEnd()
    await server.shutdown(within: .seconds(1))
    try await group.shutdownGracefully()
  }

  /// Returns at the first SIGTERM or SIGINT.
  private static func toldToEnd() async {
    let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { continuation.yield() }
      source.resume()
      return source
    }
    for await _ in signals { break }
    for source in sources { source.cancel() }
  }
}
