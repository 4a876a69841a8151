import ArgumentParser
import BenchmarkMessages
import GRPC
import GRPCTransport
import NIOCore
import NIOPosix

@main
struct RPCBenchClient: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc-bench-client",
    abstract: "Call bench.v1.EchoService and print what a call costs, for Deploy/bench to measure.",
    discussion: """
      All calls go over one connection and are checked; a wrong answer ends the run with exit status 1. The figures \
      are one line of JSON: calls, messages, seconds, this client's CPU time per call and the calls' durations in \
      microseconds.
      """)

  @Argument(help: "The server: a port of 127.0.0.1, or unix:PATH.")
  var server: String

  @Option(
    help: "Call 'localhost' over TLS, and trust the certificates in this PEM file.")
  var tlsTrust: String?

  @Option(help: "Calls to measure.")
  var calls = 10_000

  @Option(help: "Calls to make before.")
  var warmUp = 1_000

  @Option(help: "Calls under way at once.")
  var concurrency = 1

  @Option(help: "Bytes of a request's payload. Unary calls only.")
  var requestSize = 0

  @Option(help: "Bytes of a response's payload.")
  var responseSize = 0

  @Option(help: "Make streaming calls, each with so many responses.")
  var messages: Int?

  func validate() throws {
    if concurrency < 1 { throw ValidationError("--concurrency has to be at least 1") }
    if calls < 1 { throw ValidationError("--calls has to be at least 1") }
    if !(0...(4 << 20)).contains(responseSize) || !(0...(4 << 20)).contains(requestSize) {
      throw ValidationError("a payload has at most \(4 << 20) bytes")
    }
    if let messages, !(0...1_000_000).contains(messages) {
      throw ValidationError("--messages is at most 1000000")
    }
    if !server.hasPrefix("unix:"), Int(server) == nil {
      throw ValidationError("'\(server)' is neither a port nor unix:PATH")
    }
  }

  // Not an async `main`: that would end the main thread in `sigsuspend`, where valgrind 3.19 crashes.
  func run() throws {
    let endpoint: SocketEndpoint =
      if let port = Int(server) {
        .tcp(host: "127.0.0.1", port: port)
      } else {
        .unix(path: String(server.dropFirst("unix:".count)))
      }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var configuration = ClientConfiguration()
    configuration.tls = tlsTrust.map {
      ClientTLS(trust: .pem(.file($0)), serverName: "localhost")
    }
    let client = GRPCClient(endpoint, configuration: configuration, group: group)
    let load = Load(
      client: BenchV1.EchoServiceClient(client),
      request: [UInt8](repeating: 0, count: requestSize), responseSize: responseSize,
      messages: messages)
    try group.next().makeFutureWithTask {
      print(try await measure(load).json)
      await client.close()
    }.wait()
    try group.syncShutdownGracefully()
  }

  private func measure(_ load: Load) async throws -> Figures {
    _ = try await load.run(warmUp, concurrency: concurrency)
    let before = processorNanoseconds()
    let start = ContinuousClock.now
    let durations = try await load.run(calls, concurrency: concurrency)
    return Figures(
      durations: durations, messages: messages, elapsed: .now - start,
      processorNanoseconds: processorNanoseconds() - before)
  }
}
