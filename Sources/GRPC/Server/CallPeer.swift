/// Who is at the other end of a connection; one value for all its calls.
public final class CallPeer: Sendable {
  /// The address in the form of gRPC's naming document: `ipv4:127.0.0.1:1234`, `unix:/path`.
  public let address: String
  /// What the peer's certificate says; nil: it has shown none, or the connection is plaintext.
  public let identity: PeerIdentity?

  /// A peer as its transport knows it.
  public init(address: String, identity: PeerIdentity? = nil) {
    self.address = address
    self.identity = identity
  }
}

/// Who a peer has proven to be, by a certificate that was verified.
public struct PeerIdentity: Sendable, Hashable {
  /// The subject's last common name. For people to read: decide by the alternative names.
  public var commonName: String?
  /// The subject alternative names that are host names.
  public var dnsNames: [String] = []
  /// The subject alternative names that are URIs, such as `spiffe://trust.domain/service`.
  public var uris: [String] = []
  /// The subject alternative names that are mail addresses.
  public var emails: [String] = []
  /// The subject alternative names that are IP addresses, as text.
  public var ipAddresses: [String] = []
  /// The certificate, in DER.
  public var certificate: [UInt8]

  /// An identity that has no names yet.
  public init(certificate: [UInt8] = []) {
    self.certificate = certificate
  }
}
