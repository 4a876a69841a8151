import Glibc
import NIOSSL

/// What a TLS context is made from, for either side; reading it gives the context.
struct TLSMaterial {
  private let identity: TLSIdentity?
  private let trust: TrustRoots?
  private let verification: CertificateVerification
  private let minimumVersion: MinimumTLSVersion

  init(_ tls: ServerTLS) {
    identity = tls.identity
    minimumVersion = tls.minimumVersion
    switch tls.clients {
    case .none:
      trust = nil
      verification = .none
    case .optional(let roots):
      trust = roots
      verification = .optionalVerification
    case .required(let roots):
      trust = roots
      verification = .noHostnameVerification
    }
  }

  init(_ tls: ClientTLS) {
    identity = tls.identity
    minimumVersion = tls.minimumVersion
    trust = tls.trust
    verification = .fullVerification
  }

  /// The files that it is read from.
  var paths: [String] {
    var sources: [PEMSource] = []
    if let identity { sources += [identity.certificateChain, identity.privateKey] }
    if case .pem(let source)? = trust { sources.append(source) }
    return sources.compactMap { source in
      if case .file(let path) = source { path } else { nil }
    }
  }

  /// A context, and the stamps of the files that it was read from.
  struct Loaded {
    let context: NIOSSLContext
    let stamps: [String: FileStamp]
  }

  /// As `read`.
  func load() throws(TransportError) -> Loaded {
    do {
      return try read()
    } catch {
      throw .tls("\(error)")
    }
  }

  /// Reads the files; may block, and parses all of the system's authorities if they are asked for.
  func read() throws(TLSFlaw) -> Loaded {
    var reader = Reader()
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.applicationProtocols = [Self.applicationProtocol]
    // RFC 9113 §9.2.2 bars every other suite of TLS 1.2; those of 1.3 are all allowed.
    configuration.cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"
    // Everything has left when a connection is closed, and nobody need wait for the other's
    // close_notify (RFC 8446 §6.1), which gRPC's C core never sends. A moment lets what is under way
    // arrive, so that the close is no reset.
    configuration.shutdownTimeout = .milliseconds(50)
    configuration.certificateVerification = verification
    configuration.minimumTLSVersion = minimumVersion == .tls13 ? .tlsv13 : .tlsv12
    switch trust {
    case .pem(let source):
      configuration.trustRoots = .certificates(try reader.certificates(source, .trustRoots))
    case .system: configuration.trustRoots = .default
    case nil: configuration.trustRoots = .certificates([])
    }
    if let identity {
      let chain = try reader.certificates(identity.certificateChain, .certificateChain)
      try Self.checkDates(chain, identity.certificateChain)
      configuration.certificateChain = chain.map { .certificate($0) }
      configuration.privateKey = .privateKey(try reader.key(identity.privateKey))
    }
    do {
      let context = try NIOSSLContext(configuration: configuration)
      return Loaded(context: context, stamps: reader.stamps)
    } catch {
      throw unusable(error)
    }
  }

  /// The ALPN name of HTTP/2 over TLS (RFC 9113 §3.1).
  static let applicationProtocol = "h2"

  private func unusable(_ error: any Error) -> TLSFlaw {
    guard let identity else {
      var source: PEMSource?
      if case .pem(let given)? = trust { source = given }
      return TLSFlaw(.trustRoots, source, "they can't be used (\(error))")
    }
    return TLSFlaw(
      .privateKey, identity.privateKey,
      "it does not belong to the first certificate of \(identity.certificateChain), "
        + "or is of a kind that TLS can't use (\(error)); "
        + "give the key that this certificate was issued for")
  }

  private static func checkDates(
    _ chain: [NIOSSLCertificate], _ source: PEMSource
  ) throws(TLSFlaw) {
    for certificate in chain {
      if let flaw = CertificateText.dateFlaw(certificate) {
        throw TLSFlaw(
          .certificateChain, source,
          "its \(CertificateText.name(certificate)) \(flaw); put a valid one in its place")
      }
    }
  }

  /// Reads sources, and remembers the files' stamps.
  private struct Reader {
    var stamps: [String: FileStamp] = [:]

    private mutating func bytes(
      _ source: PEMSource, _ part: TLSFlaw.Part
    ) throws(TLSFlaw) -> [UInt8] {
      switch source {
      case .bytes(let bytes): return bytes
      case .file(let path):
        do {
          let file = try PEMFile(path: path)
          stamps[path] = file.stamp
          return file.bytes
        } catch {
          throw TLSFlaw(part, source, "it can't be read: \(error.reason)")
        }
      }
    }

    mutating func certificates(
      _ source: PEMSource, _ part: TLSFlaw.Part
    ) throws(TLSFlaw) -> [NIOSSLCertificate] {
      let bytes = try bytes(source, part)
      guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty
      else {
        throw TLSFlaw(
          part, source,
          "there is no certificate in it; it must be PEM text with -----BEGIN CERTIFICATE-----")
      }
      return certificates
    }

    mutating func key(_ source: PEMSource) throws(TLSFlaw) -> NIOSSLPrivateKey {
      let bytes = try bytes(source, .privateKey)
      guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
        throw TLSFlaw(
          .privateKey, source,
          "there is no private key in it; it must be PEM text with -----BEGIN PRIVATE KEY-----, "
            + "and not encrypted")
      }
      return key
    }
  }
}
