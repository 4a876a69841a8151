import ArgumentParser
import BackupModel
import DiskImagesHypervisor
import Foundation
import GRPC
import Logging
import Worker

/// What `belay worker` and `belay dev` have in common.
struct WorkerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory whose sub-directories are VMs, each with its disk images.",
      valueName: "directory"))
  var vmRoot: String

  @Option(help: "How many VMs it processes at once.")
  var slots = 1

  @Option(help: "The worker's id, kept over restarts. Default: made from the host's name.")
  var id: String?

  @Option(
    help: "The host's name: workers of one host clean up for each other. Default: this host's.")
  var host: String?

  func validate() throws {
    guard (1...256).contains(slots) else { throw ValidationError("--slots takes 1 to 256.") }
    guard WorkerID(validating: workerName) != nil else {
      throw ValidationError("--id takes \(WorkerID.grammar).")
    }
    guard HostID(validating: hostName) != nil else {
      throw ValidationError("--host takes \(HostID.grammar).")
    }
  }

  private var hostName: String { host ?? ProcessInfo.processInfo.hostName }

  private var workerName: String {
    id
      ?? String(hostName.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
      .trimmingCharacters(in: ["-"])
  }

  /// A worker that reaches its coordinator by `channel` and keeps checkpoints in `runtime`.
  func worker(channel: any RPCChannel, runtime: String, log: Logger) throws -> WorkerRuntime {
    let configuration = WorkerConfiguration(
      worker: WorkerID(rawValue: workerName), host: HostID(rawValue: hostName),
      incarnation: UUID().uuidString.lowercased(), slots: slots)
    let hypervisor = try DiskImagesHypervisor(
      root: URL(fileURLWithPath: vmRoot).standardizedFileURL.path,
      runtimeDirectory: URL(fileURLWithPath: runtime).standardizedFileURL.path, log: log)
    return WorkerRuntime(
      configuration, channel: channel, hypervisors: [hypervisor],
      clock: SystemWorkerClock(start: wallClock()), log: log)
  }
}

/// Runs a worker until it has ended. The first signal drains it, the second cancels what it has.
func runUntilSignaled(_ worker: WorkerRuntime, log: Logger) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { await worker.run() }
    group.addTask {
      var count = 0
      for await _ in terminationSignals() {
        count += 1
        if count == 1 {
          log.notice("finishing what is in process; a second signal cancels it")
          worker.drain()
        } else {
          log.notice("canceling")
          worker.cancel()
        }
      }
      // The stream ends when the group does.
    }
    try await group.next()
    group.cancelAll()
  }
}
