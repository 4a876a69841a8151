import ArgumentParser
import GRPC
import GRPCTransport
import InteropMessages

/// How long to soak, and what to put up with.
struct SoakOptions: ParsableArguments, Sendable {
  @Option(
    name: [.long, .customLong("soak_iterations")], help: "Calls in rpc_soak and channel_soak.")
  var soakIterations = 10

  @Option(
    name: [.long, .customLong("soak_max_failures")], help: "Calls of them that may fail.")
  var soakMaxFailures = 0

  @Option(
    name: [.long, .customLong("soak_per_iteration_max_acceptable_latency_ms")],
    help: ArgumentHelp("Milliseconds after which a call has failed.", valueName: "ms"))
  var soakPerIterationMaxAcceptableLatencyMs = 1_000
}

/// Cases that repeat large_unary.
extension Peer {
  /// All on one channel.
  func rpcSoak() async throws {
    try await soak { call in try await call(client) }
  }

  /// Each on a channel of its own.
  func channelSoak() async throws {
    try await soak { call in
      let channel = connect()
      do {
        try await call(channel)
        await channel.close()
      } catch {
        await channel.close()
        throw error
      }
    }
  }

  /// `iterate` is handed a call, and makes it on the channel of its choice.
  private func soak(
    _ iterate: ((GRPCClient) async throws -> Void) async throws -> Void
  ) async throws {
    let limit = Duration.milliseconds(soak.soakPerIterationMaxAcceptableLatencyMs)
    var failures: [String] = []
    for iteration in 0..<soak.soakIterations {
      do {
        try await iterate { channel in
          try await GrpcTesting.TestServiceClient(channel)
            .unaryCall(.large, options: CallOptions(timeout: limit)).expectLarge()
        }
      } catch {
        failures.append("call \(iteration): \(error)")
      }
    }
    guard failures.count <= soak.soakMaxFailures else {
      throw Mismatch("\(failures.count) calls failed, the first being \(failures[0])")
    }
  }
}
