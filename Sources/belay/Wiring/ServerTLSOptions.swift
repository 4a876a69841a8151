import ArgumentParser
import GRPCTransport

/// How a coordinator secures its connections; without any of these it speaks plaintext.
struct ServerTLSOptions: ParsableArguments {
  @Option(
    name: .customLong("tls-cert"),
    help: ArgumentHelp(
      "Speak TLS, on every address, with this certificate (PEM, its intermediates after it).",
      discussion:
        "Goes with --tls-key. Changed files are noticed within seconds: renew by renaming.",
      valueName: "file"))
  var certificate: String?

  @Option(
    name: .customLong("tls-key"),
    help: ArgumentHelp("The certificate's private key (PEM, not encrypted).", valueName: "file"))
  var key: String?

  @Option(
    name: .customLong("tls-client-ca"),
    help: ArgumentHelp(
      "Admit only clients with a certificate of these authorities (PEM).",
      discussion: "Workers and operators show theirs with their own --tls-cert and --tls-key.",
      valueName: "file"))
  var clientAuthorities: String?

  func validate() throws { _ = try serverTLS() }

  /// Nil: plaintext.
  func serverTLS() throws -> ServerTLS? {
    guard
      let identity = try TLSIdentity.of(
        TLSSetting("--tls-cert", certificate), TLSSetting("--tls-key", key))
    else {
      guard clientAuthorities == nil else {
        throw ValidationError(
          "--tls-client-ca needs TLS: add the coordinator's own --tls-cert and --tls-key.")
      }
      return nil
    }
    return ServerTLS(
      identity, clients: clientAuthorities.map { .required(.pem(.file($0))) } ?? .none)
  }
}

/// A setting and where the operator makes it.
struct TLSSetting {
  let place: String
  let value: String?

  init(_ place: String, _ value: String?) {
    self.place = place
    self.value = value
  }
}

extension TLSIdentity {
  /// Nil: neither of the two is set. One alone is wrong usage.
  static func of(_ certificate: TLSSetting, _ key: TLSSetting) throws -> TLSIdentity? {
    switch (certificate.value, key.value) {
    case (nil, nil): return nil
    case (let chain?, let file?): return .files(certificateChain: chain, privateKey: file)
    case (_?, nil): throw ValidationError("\(certificate.place) needs \(key.place).")
    case (nil, _?): throw ValidationError("\(key.place) needs \(certificate.place).")
    }
  }
}
