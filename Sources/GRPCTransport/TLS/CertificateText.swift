import GRPC
import Glibc
import NIOSSL

/// Certificates in words, for errors.
enum CertificateText {
  /// What is wrong with the certificate today, as the end of a sentence; nil: nothing.
  static func dateFlaw(_ certificate: NIOSSLCertificate, now: time_t = time(nil)) -> String? {
    if certificate.notValidAfter < now { return "expired on \(date(certificate.notValidAfter))" }
    if certificate.notValidBefore > now {
      return "is not valid before \(date(certificate.notValidBefore))"
    }
    return nil
  }

  /// `CN=server` or whatever else the subject says.
  static func name(_ certificate: NIOSSLCertificate) -> String { text(certificate.subjectName) }

  /// Who vouches for it.
  static func issuer(_ certificate: NIOSSLCertificate) -> String { text(certificate.issuerName) }

  /// The host names and addresses that it is for.
  static func alternativeNames(_ certificate: NIOSSLCertificate) -> [String] {
    let identity = PeerIdentity(certificate: certificate)
    return identity.dnsNames + identity.ipAddresses
  }

  private static func text(_ names: [SSLCertificateName]) -> String {
    guard !names.isEmpty else { return "without a subject" }
    return names.map { "\(label($0.type))=\($0.value)" }.joined(separator: ",")
  }

  private static func label(_ type: SSLCertificateNameType) -> String {
    switch type {
    case .commonName: "CN"
    case .organization: "O"
    case .organizationalUnit: "OU"
    case .country: "C"
    case .state: "ST"
    case .city: "L"
    case .userId: "UID"
    default: "emailAddress"
    }
  }

  private static func date(_ seconds: time_t) -> String {
    var seconds = seconds
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "\(seconds)" }
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S UTC", &parts)
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
