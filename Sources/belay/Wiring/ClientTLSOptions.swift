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

  /// Nil: plaintext. A file that can't be read is wrong usage, not a coordinator that can't be reached.
  func clientTLS(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> ClientTLS? {
    func setting(_ option: String, _ given: String?, _ variable: String) -> TLSSetting {
      let inherited = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
      let place = given == nil && inherited != nil ? "$\(variable)" : option
      return TLSSetting(place, given ?? inherited)
    }
    guard !tls || authorities == nil else {
      throw ValidationError(
        "--tls is for the system's authorities, and --tls-ca for others: give one of the two.")
    }
    let trust = setting("--tls-ca", authorities, "BELAY_TLS_CA")
    let certificate = setting("--tls-cert", certificate, "BELAY_TLS_CERT")
    let key = setting("--tls-key", key, "BELAY_TLS_KEY")
    let name = setting("--tls-server-name", serverName, "BELAY_TLS_SERVER_NAME")
    let identity = try TLSIdentity.of(certificate, key)
    guard tls || trust.value != nil || identity != nil || name.value != nil else { return nil }

    for file in [trust, certificate, key] { try file.checkReadable() }
    if let value = name.value, !Self.isHostName(value) {
      throw ValidationError(
        "\(name.place) takes a host name, not \"\(value)\"; an address is given in the certificate, "
          + "and needs no name.")
    }
    let roots = tls ? nil : trust.value.map { TrustRoots.pem(.file($0)) }
    return ClientTLS(trust: roots ?? .system, identity: identity, serverName: name.value)
  }

  private static func isHostName(_ name: String) -> Bool {
    var address = in_addr()
    let isAddress = name.contains(":") || inet_pton(AF_INET, name, &address) == 1
    return !isAddress && !name.isEmpty
      && name.unicodeScalars.allSatisfy { (0x21...0x7E).contains($0.value) && $0 != "/" }
  }
}

extension TLSSetting {
  fileprivate func checkReadable() throws {
    guard let value, !FileManager.default.isReadableFile(atPath: value) else { return }
    throw ValidationError("\(place): the file \(value) can't be read.")
  }
}
