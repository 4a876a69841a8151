internal import GRPC

extension PeerIdentity {
  /// The name that the audit knows a certificate by: its SPIFFE id (SPIFFE X509-SVID §2), else its first
  /// DNS name, else its subject's common name. Nil: it has none of them that may stand in a log line.
  var principal: String? {
    let spiffe = uris.first { $0.lowercased().hasPrefix("spiffe://") }
    return [spiffe, dnsNames.first, commonName].lazy.compactMap(\.self).first(where: Self.isFit)
  }

  /// An authority may have signed anything; nobody forges a line of the log by it, nor hides in it.
  private static func isFit(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 1024
      && name.unicodeScalars.allSatisfy { scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse,
          .surrogate:
          false
        default: true
        }
      }
  }
}
