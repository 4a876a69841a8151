import NIOSSL

/// TLS's errors in words: what, why, and what to do.
enum TLSFailure {
  /// Nil: it is no error of TLS. `peerCertificate`: as it was shown, also when it was not believed.
  static func text(_ error: any Error, peerCertificate: NIOSSLCertificate?) -> String? {
    switch error {
    case NIOSSLError.handshakeFailed(.sslError(let stack)):
      return "the TLS handshake failed: " + reason(stack, peerCertificate)
    case BoringSSLError.sslError(let stack):
      return "TLS failed: " + reason(stack, peerCertificate)
    case NIOSSLError.handshakeFailed(let cause):
      return "the TLS handshake failed: \(cause)"
    case NIOSSLError.uncleanShutdown:
      return "the connection was cut without TLS's goodbye"
    case let error as NIOSSLExtraError
    where error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch:
      return wrongName(peerCertificate)
    case NIOSSLError.unableToValidateCertificate:
      return wrongName(peerCertificate)
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
      return "TLS failed: \(error)"
    default:
      return nil
    }
  }

  static func wrongName(_ certificate: NIOSSLCertificate?) -> String {
    let names = certificate.map(CertificateText.alternativeNames) ?? []
    return "the server's certificate is not for the name that was asked for, but for "
      + (names.isEmpty ? "no name" : names.joined(separator: ", "))
      + "; connect to one of its names, or set the server's name to one of them"
  }

  private static func reason(
    _ stack: NIOBoringSSLErrorStack, _ certificate: NIOSSLCertificate?
  ) -> String {
    let errors = stack.map { "\($0)" }.joined(separator: "; ")
    if errors.contains("CERTIFICATE_VERIFY_FAILED") { return distrust(certificate) }
    for (mark, text) in known where errors.contains(mark) { return text }
    return errors
  }

  private static func distrust(_ certificate: NIOSSLCertificate?) -> String {
    guard let certificate else { return "the peer's certificate can't be verified" }
    let name = CertificateText.name(certificate)
    if let flaw = CertificateText.dateFlaw(certificate) {
      return "the peer's certificate (\(name)) \(flaw); the peer needs a valid one"
    }
    return "the peer's certificate (\(name)) was issued by \(CertificateText.issuer(certificate)), "
      + "which is not among the trusted authorities; add that one to them, if it is to be believed"
  }

  private static let known = [
    ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the client showed no certificate, and must"),
    ("WRONG_VERSION_NUMBER", "the peer does not speak TLS here; is it a plaintext port?"),
    ("HTTP_REQUEST", "the peer speaks plaintext HTTP"),
    ("EOF during handshake", "the peer closed the connection in the midst of it"),
    (
      "ALERT_CERTIFICATE_REQUIRED",
      "the server asks for a client's certificate, and none was given; give the client one"
    ),
    ("ALERT_UNKNOWN_CA", "the peer does not trust the authority of our certificate"),
    ("ALERT_CERTIFICATE_EXPIRED", "the peer says that our certificate has expired"),
    ("ALERT_BAD_CERTIFICATE", "the peer does not accept our certificate"),
    ("ALERT_NO_APPLICATION_PROTOCOL", "the peer does not speak HTTP/2 here (ALPN h2)"),
    ("ALERT_PROTOCOL_VERSION", "the peer does not speak our versions of TLS, 1.2 and 1.3"),
    ("UNSUPPORTED_PROTOCOL", "the peer does not speak our versions of TLS, 1.2 and 1.3"),
    ("NO_SHARED_CIPHER", "the peer has none of HTTP/2's ciphers"),
  ]
}
