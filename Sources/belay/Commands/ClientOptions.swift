import ArgumentParser
import BelayAPI
import Foundation
import GRPC
import GRPCTransport

/// How results are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  /// For people.
  case text
  /// The API's messages in protobuf's JSON mapping, one to a line where there are several.
  case json
  /// Resource names alone, one to a line.
  case name
}

/// What every command that calls the coordinator takes.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The coordinator: unix:PATH or HOST:PORT.",
      discussion: "Default: $BELAY_ADDRESS, else the socket of `belay dev`."))
  var address: SocketEndpoint = .coordinator

  @Option(name: [.long, .short], help: "text, json or name.")
  var output: OutputFormat = .text

  @Option(
    help: ArgumentHelp("How long the coordinator may take to answer.", valueName: "seconds"))
  var timeout: Double = 30

  @OptionGroup var tls: ClientTLSOptions

  func validate() throws {
    guard timeout > 0, timeout <= 86_400 else {
      throw ValidationError("--timeout takes more than 0 and at most 86400 seconds.")
    }
  }

  /// For one request and its answer.
  var call: CallOptions { call(within: .seconds(timeout)) }

  /// For a call that may last as long as it has to (nil), or `limit`.
  func call(within limit: Duration?) -> CallOptions {
    var options = CallOptions()
    options.timeout = limit
    // Both are valid: a constant name, and a value of visible ASCII.
    try? options.metadata.add(Caller.header, Caller.name)
    return options
  }

  /// Calls the coordinator, tells the person what went wrong, and ends with the exit code that says so.
  func withCoordinator<Value: Sendable>(
    _ body: (CoordinatorAPI) async throws -> Value
  ) async throws -> Value {
    let usable = try tls.usableTLS()
    let client = GRPCClient(address, configuration: .toCoordinator(tls: usable))
    do {
      let value = try await body(CoordinatorAPI(channel: client))
      await client.close()
      return value
    } catch let error as RPCError {
      await client.close()
      printError(explain(error, isSecure: usable != nil))
      throw error.isUnreachable ? ExitStatus.unreachable.exit : ExitStatus.refused.exit
    } catch {
      await client.close()
      throw error
    }
  }

  private func explain(_ error: RPCError, isSecure: Bool) -> String {
    var text = "belay: \(error.message) (\(error.code)"
    if let info = error.detail(GoogleRpc.ErrorInfo.self) { text += ", \(info.reason)" }
    text += ")"
    if error.isUnreachable {
      if isSecure { text += "\n" + tls.advice() }
      text +=
        "\nIs a coordinator running at \(address)? Start one with `belay dev` or "
        + "`belay coordinator`, or say where it is with --address or $BELAY_ADDRESS."
      if !isSecure { text += "\nIf it speaks TLS, add --tls-ca FILE, or --tls." }
    }
    return text
  }
}

/// The clients of the coordinator's services over one connection.
struct CoordinatorAPI: Sendable {
  let jobs: BelayV1.JobServiceClient
  let sessions: BelayV1.SessionServiceClient
  let restorePoints: BelayV1.RestorePointServiceClient
  let workers: BelayV1.WorkerServiceClient

  init(channel: any RPCChannel) {
    jobs = BelayV1.JobServiceClient(channel)
    sessions = BelayV1.SessionServiceClient(channel)
    restorePoints = BelayV1.RestorePointServiceClient(channel)
    workers = BelayV1.WorkerServiceClient(channel)
  }
}

extension RPCError {
  /// Whether the coordinator was not there, or did not answer in time.
  var isUnreachable: Bool { code == .unavailable || code == .deadlineExceeded }
}
