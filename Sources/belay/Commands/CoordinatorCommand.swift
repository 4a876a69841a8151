import ArgumentParser
import Logging

struct CoordinatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator",
    abstract: "Run a coordinator.",
    discussion: """
      SIGTERM or Ctrl-C ends it; sessions that run go on where they were at the next start. Example:
        belay coordinator --data /var/lib/belay --listen 127.0.0.1:7700 --repository default=/srv/backup
        belay coordinator --listen [::]:7700 --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem
      """)

  @OptionGroup var server: ServerOptions

  func run() async throws {
    let log = server.logging.makeLog("belay.coordinator")
    try await reportingFailure {
      try await server.process(log: log).run { _ in
        for await _ in terminationSignals() { return }
      }
    }
  }
}

/// Says in one line why a process could not go on.
func reportingFailure(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as ExitCode {
    throw error
  } catch let error as ValidationError {
    throw error
  } catch {
    printError("belay: \(error)")
    throw ExitStatus.refused.exit
  }
}
