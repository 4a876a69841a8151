/// What is wrong with a certificate, a key or the trusted authorities.
public struct TLSFlaw: Error, Sendable, Hashable, CustomStringConvertible {
  /// What TLS is made from.
  public enum Part: Sendable, Hashable {
    /// `TLSIdentity.certificateChain`.
    case certificateChain
    /// `TLSIdentity.privateKey`.
    case privateKey
    /// `ClientTLS.trust`, or the authorities of `ServerTLS.clients`.
    case trustRoots
  }

  /// Which part it is.
  public let part: Part
  /// Where the part comes from; nil: from the operating system.
  public let source: PEMSource?
  /// What is wrong with it and what to do, without naming it again.
  public let reason: String

  init(_ part: Part, _ source: PEMSource?, _ reason: String) {
    self.part = part
    self.source = source
    self.reason = reason
  }

  /// The part, its source and the reason.
  public var description: String {
    let place = source.map { " \($0)" } ?? " of the system"
    switch part {
    case .certificateChain: return "the certificate\(place): \(reason)"
    case .privateKey: return "the private key\(place): \(reason)"
    case .trustRoots: return "the trusted authorities\(place): \(reason)"
    }
  }
}

extension ServerTLS {
  /// Reads the files, as a server does when it starts, and finds what is wrong with them. Blocks.
  public func check() throws(TLSFlaw) { _ = try TLSMaterial(self).read() }
}

extension ClientTLS {
  /// Reads the files, as a client does when it first connects, and finds what is wrong with them.
  /// Blocks.
  public func check() throws(TLSFlaw) { _ = try TLSMaterial(self).read() }
}
