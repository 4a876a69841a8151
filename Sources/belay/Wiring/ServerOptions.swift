import ArgumentParser
import BackupModel
import Foundation
import GRPCTransport
import Logging

/// What `belay coordinator` and `belay dev` have in common.
struct ServerOptions: ParsableArguments {
  @Option(
    name: .customLong("data"),
    help: ArgumentHelp(
      "The directory for all state.",
      discussion:
        "Default: $XDG_STATE_HOME/belay or ~/.local/state/belay; for root /var/lib/belay.",
      valueName: "directory"))
  var dataPath: String = DataDirectory.default.path

  @Option(
    help: ArgumentHelp(
      "Where to listen: unix:PATH or HOST:PORT; may be repeated.",
      discussion: """
        Default: the sockets that systemd hands over, else unix:DATA/belay.sock. Plaintext is bound to loopback; \
        beyond it goes TLS, see --tls-cert.
        """,
      valueName: "address"))
  var listen: [SocketEndpoint] = []

  @Option(
    name: .customLong("repository"),
    help: ArgumentHelp(
      "A repository for restore points, NAME=PATH; may be repeated. It is made if it is not there.",
      discussion: "Default: default=DATA/repository. Workers must find it under the same path.",
      valueName: "name=path"))
  var repositories: [RepositoryArgument] = []

  @Option(
    help: ArgumentHelp(
      "How long a worker may be silent before its VMs go to another.", valueName: "seconds"))
  var leaseTTL: Int = 30

  @OptionGroup var tls: ServerTLSOptions

  @Flag(help: "Listen where other machines can connect, in plaintext and without authentication.")
  var insecureAllowRemote = false

  @OptionGroup var logging: LogOptions

  func validate() throws {
    guard (1...86_400).contains(leaseTTL) else {
      throw ValidationError("--lease-ttl takes 1 to 86400 seconds.")
    }
    guard !insecureAllowRemote || tls.certificate == nil else {
      throw ValidationError(
        "--insecure-allow-remote allows plaintext, and --tls-cert rules it out: give one of the two."
      )
    }
    let names = repositories.map(\.id)
    guard Set(names).count == names.count else {
      throw ValidationError("Each --repository needs a name of its own.")
    }
  }

  var data: DataDirectory { DataDirectory(path: dataPath) }

  func process(log: Logger) throws -> CoordinatorProcess {
    CoordinatorProcess(
      data: data, endpoints: listen.isEmpty ? nil : listen,
      repositories: repositories.isEmpty
        ? [RepositoryArgument(id: RepositoryID(rawValue: "default"), path: data.repository)]
        : repositories,
      leaseDuration: .seconds(leaseTTL), tls: try tls.usableTLS(),
      allowsInsecureNetwork: insecureAllowRemote, log: log)
  }
}
