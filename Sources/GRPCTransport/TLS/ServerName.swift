/// Whether a certificate's name stands for the host that was asked for (RFC 9525 §6.3).
///
/// NIOSSL takes a certificate also for the address that it has connected to, and for its common
/// name. When a name was asked for, neither will do: whoever answers for the name in DNS chooses the
/// address, and authorities certify addresses, too.
enum ServerName {
  /// `certificateName` is a DNS name of the certificate; its first label may be `*`, for one label.
  static func matches(_ name: String, _ certificateName: String) -> Bool {
    let name = normal(name)
    let certificateName = normal(certificateName)
    if name == certificateName { return !name.isEmpty }
    guard certificateName.hasPrefix("*."), let dot = name.firstIndex(of: "."),
      dot != name.startIndex
    else { return false }
    return name[dot...] == certificateName.dropFirst()
  }

  private static func normal(_ name: String) -> String {
    let name = name.lowercased()
    return name.hasSuffix(".") ? String(name.dropLast()) : name
  }
}
