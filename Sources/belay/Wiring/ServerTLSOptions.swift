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

  /// Nil: plaintext. The files are not looked at.
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

  /// As `serverTLS`, of files that can be used: one that can't is wrong usage.
  func usableTLS() throws -> ServerTLS? {
    let tls = try serverTLS()
    do throws(TLSFlaw) {
      try tls?.check()
    } catch {
      switch error.part {
      case .trustRoots: throw TLSSetting("--tls-client-ca", clientAuthorities).flaw(error)
      case .certificateChain: throw TLSSetting("--tls-cert", certificate).flaw(error)
      case .privateKey: throw TLSSetting("--tls-key", key).flaw(error)
      }
    }
    return tls
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

  /// What the operator typed, then what is wrong with it and what to do.
  func flaw(_ flaw: TLSFlaw) -> ValidationError {
    let typed = value.map { "\(place) \($0)" } ?? place
    return ValidationError("\(typed): \(flaw.reason).")
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
