import ArgumentParser
import GRPC
import Logging

struct DevCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev",
    abstract: "Run a coordinator and a worker in one process, all state in one directory.",
    discussion: """
      Other commands find it by themselves. SIGTERM or Ctrl-C lets the worker finish what it has and ends; a \
      second one cancels it. Example:
        belay dev --vm-root ./vms
      """)

  @OptionGroup var server: ServerOptions
  @OptionGroup var options: WorkerOptions

  func run() async throws {
    let log = server.logging.makeLog("belay")
    try await reportingFailure {
      let runtime = server.data.runtime
      try await server.process(log: log).run { router in
        let channel = InProcessTransport(serving: router)
        let worker = try options.worker(channel: channel, runtime: runtime, log: log)
        try await runUntilSignaled(worker, log: log)
      }
    }
  }
}
