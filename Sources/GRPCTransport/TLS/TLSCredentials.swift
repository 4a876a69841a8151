/// PEM text (RFC 7468) and where it is.
public enum PEMSource: Sendable, Hashable, CustomStringConvertible {
  /// A file of at most 1 MiB, read at the start and again when it changes.
  case file(String)
  /// The text itself, in UTF-8.
  case bytes([UInt8])

  /// The path, or the number of bytes: never what the text says.
  public var description: String {
    switch self {
    case .file(let path): path
    case .bytes(let bytes): "PEM text of \(bytes.count) bytes"
    }
  }
}

/// What one end of a connection proves its name with.
public struct TLSIdentity: Sendable, Hashable {
  /// The certificate, then those between it and its authority's, in this order.
  public var certificateChain: PEMSource
  /// The key of the first certificate, not encrypted.
  public var privateKey: PEMSource

  /// A certificate chain and its key.
  public init(certificateChain: PEMSource, privateKey: PEMSource) {
    self.certificateChain = certificateChain
    self.privateKey = privateKey
  }

  /// A certificate chain and its key in files; one file may hold both.
  public static func files(certificateChain: String, privateKey: String) -> TLSIdentity {
    TLSIdentity(certificateChain: .file(certificateChain), privateKey: .file(privateKey))
  }
}

/// The authorities whose certificates are believed.
public enum TrustRoots: Sendable, Hashable {
  /// Those of the operating system (`/etc/ssl/certs`).
  case system
  /// The certificates of this PEM text, and no others.
  case pem(PEMSource)
}

/// The oldest version of TLS that is spoken. Older ones than 1.2 are not HTTP/2's (RFC 9113 §9.2).
public enum MinimumTLSVersion: Sendable, Hashable {
  /// TLS 1.2 with the ephemeral, authenticated ciphers only (RFC 9113 §9.2.2), or TLS 1.3.
  case tls12
  /// TLS 1.3.
  case tls13
}
