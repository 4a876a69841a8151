import ArgumentParser
import Foundation
import GRPCTransport

/// How workers and the operator's commands secure their connection to the coordinator.
///
/// Any of the settings turns TLS on: nobody who names a certificate gets plaintext.
struct ClientTLSOptions: ParsableArguments {
  @Flag(help: "Speak TLS to the coordinator; its certificate is of the system's authorities.")
  var tls = false

  @Option(
    name: .customLong("tls-ca"),
    help: ArgumentHelp(
      "Speak TLS; the coordinator's certificate is of these authorities (PEM).",
      discussion: "Default: $BELAY_TLS_CA. --tls overrides it.", valueName: "file"))
  var authorities: String?

  @Option(
    name: .customLong("tls-cert"),
    help: ArgumentHelp(
      "Our own certificate (PEM), for a coordinator that asks for one (--tls-client-ca).",
      discussion: "Goes with --tls-key. Default: $BELAY_TLS_CERT.", valueName: "file"))
  var certificate: String?

  @Option(
    name: .customLong("tls-key"),
    help: ArgumentHelp(
      "The private key of our own certificate (PEM, not encrypted).",
      discussion: "Default: $BELAY_TLS_KEY.", valueName: "file"))
  var key: String?

  @Option(
    name: .customLong("tls-server-name"),
    help: ArgumentHelp(
      "The name that the coordinator's certificate must be for.",
      discussion: "Default: $BELAY_TLS_SERVER_NAME, else the host of its address.",
      valueName: "name"))
  var serverName: String?

  func validate() throws { _ = try clientTLS() }

  /// What the operator has set, by options or by variables.
  private struct Settings {
    let trust: TLSSetting
    let certificate: TLSSetting
    let key: TLSSetting
    let name: TLSSetting
  }

  private func settings(_ environment: [String: String]) -> Settings {
    func setting(_ option: String, _ given: String?, _ variable: String) -> TLSSetting {
      let inherited = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
      let place = given == nil && inherited != nil ? "$\(variable)" : option
      return TLSSetting(place, given ?? inherited)
    }
    return Settings(
      trust: tls
        ? TLSSetting("--tls", nil) : setting("--tls-ca", authorities, "BELAY_TLS_CA"),
      certificate: setting("--tls-cert", certificate, "BELAY_TLS_CERT"),
      key: setting("--tls-key", key, "BELAY_TLS_KEY"),
      name: setting("--tls-server-name", serverName, "BELAY_TLS_SERVER_NAME"))
  }

  /// Nil: plaintext. The files are not looked at.
  func clientTLS(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> ClientTLS? {
    guard !tls || authorities == nil else {
      throw ValidationError(
        "--tls is for the system's authorities, and --tls-ca for others: give one of the two.")
    }
    let settings = settings(environment)
    let (trust, name) = (settings.trust.value, settings.name.value)
    let identity = try TLSIdentity.of(settings.certificate, settings.key)
    guard tls || trust != nil || identity != nil || name != nil else { return nil }
    if let name, !Self.isHostName(name) {
      throw ValidationError(
        "\(settings.name.place) takes a host name, not \"\(name)\"; an address is given in the "
          + "certificate, and needs no name.")
    }
    return ClientTLS(
      trust: trust.map { .pem(.file($0)) } ?? .system, identity: identity, serverName: name)
  }

  /// As `clientTLS`, of files that can be used: one that can't is wrong usage, and not a coordinator
  /// that can't be reached.
  func usableTLS(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> ClientTLS? {
    let tls = try clientTLS(environment: environment)
    let settings = settings(environment)
    do throws(TLSFlaw) {
      try tls?.check()
    } catch {
      switch error.part {
      case .trustRoots: throw settings.trust.flaw(error)
      case .certificateChain: throw settings.certificate.flaw(error)
      case .privateKey: throw settings.key.flaw(error)
      }
    }
    return tls
  }

  /// What of these settings a coordinator that can't be reached over TLS may have to do with.
  func advice(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String {
    let settings = settings(environment)
    var text =
      settings.trust.value.map {
        "\(settings.trust.place) \($0) must hold the authority of the coordinator's certificate"
      }
      ?? "Without --tls-ca the coordinator's certificate must be of one of the system's authorities"
    text +=
      settings.name.value.map {
        ", and \(settings.name.place) \($0) must be one of the certificate's names."
      } ?? ", and its address, or --tls-server-name, one of the certificate's names."
    if settings.certificate.value == nil {
      text += "\nIf it asks for a client's certificate, add --tls-cert and --tls-key."
    }
    return text
  }

  private static func isHostName(_ name: String) -> Bool {
    var address = in_addr()
    let isAddress = name.contains(":") || inet_pton(AF_INET, name, &address) == 1
    return !isAddress && !name.isEmpty
      && name.unicodeScalars.allSatisfy { (0x21...0x7E).contains($0.value) && $0 != "/" }
  }
}
