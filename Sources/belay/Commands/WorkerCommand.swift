import ArgumentParser
import BelayAPI
import Foundation
import GRPC
import GRPCTransport
import Logging

struct WorkerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Run a worker, or list workers.",
    subcommands: [Run.self, List.self],
    defaultSubcommand: Run.self)

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a worker (also: belay worker without a subcommand).",
      discussion: """
        It keeps nothing of its own: it may be killed and started again anywhere. SIGTERM or Ctrl-C drains it: \
        it takes no new VM, finishes what it has, and ends; a second one cancels what it has. Example:
          belay worker --coordinator unix:/run/belay/belay.sock --vm-root /var/lib/vms --slots 2
          belay worker --coordinator backup.example:7700 --tls-ca ca.pem --tls-cert w1.pem --tls-key w1.key \\
            --vm-root /var/lib/vms
        """)

    @Option(
      help: ArgumentHelp(
        "Where the coordinator is: unix:PATH or HOST:PORT.", valueName: "address"))
    var coordinator: SocketEndpoint = .coordinator

    @Option(
      help: ArgumentHelp(
        "The directory for what belongs to live checkpoints: sockets, scratch files.",
        valueName: "directory"))
    var runtime: String = DataDirectory.default.runtime

    @OptionGroup var options: WorkerOptions

    @OptionGroup var tls: ClientTLSOptions

    @OptionGroup var logging: LogOptions

    func run() async throws {
      let log = logging.makeLog("belay.worker")
      try await reportingFailure {
        let client = GRPCClient(
          coordinator, configuration: .toCoordinator(tls: try tls.usableTLS()))
        let worker = try options.worker(channel: client, runtime: runtime, log: log)
        try await runUntilSignaled(worker, log: log)
        await client.close()
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List workers.")

    @Flag(help: "Wait until there is a worker that takes VMs, as long as --timeout.")
    var wait = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
      let workers = try await client.withCoordinator { coordinator in
        let deadline = ContinuousClock.now + .seconds(client.timeout)
        while true {
          let workers = try await all(coordinator)
          if !wait || workers.contains(where: { $0.state == .ready }) || .now >= deadline {
            return workers
          }
          // Workers come by themselves, and no stream tells of them.
          try await Task.sleep(for: .milliseconds(100))
        }
      }
      client.write(workers, empty: "There is no worker. Start one with: belay worker --help") {
        var table = TextTable("WORKER", "HOST", "STATE", "SLOTS", "HYPERVISORS", "LAST SEEN")
        for worker in workers {
          table.add(
            lastPart(worker.name), worker.host, Words.of(worker.state),
            "\(worker.busySlots)/\(worker.slots)", worker.hypervisors.joined(separator: ", "),
            text(worker.lastSeenTime))
        }
        return table.text
      }
    }

    private func all(_ coordinator: CoordinatorAPI) async throws -> [BelayV1.Worker] {
      var options = client.call
      options.waitsForReady = wait
      return try await allPages { [options] token in
        var request = BelayV1.ListWorkersRequest()
        request.pageToken = token
        let page = try await coordinator.workers.listWorkers(request, options: options)
        return (page.workers, page.nextPageToken)
      }
    }
  }
}
