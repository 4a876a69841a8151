/// One field of an HTTP/2 header or trailer block, pseudo-fields (`:path`) among them.
public struct HeaderField: Sendable, Hashable {
  /// In lower case (RFC 9113 §8.2.1).
  public var name: String
  /// ASCII when this library wrote it; anything when a peer did.
  public var value: String

  /// A field.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension Metadata {
  /// Peers may join several values of one `-bin` name by commas.
  mutating func appendBinaries(_ name: String, _ value: String) throws(RPCError) {
    for part in value.split(separator: ",", omittingEmptySubsequences: false) {
      guard let bytes = Base64.decode(String(part).trimmingBlanks().utf8) else {
        throw RPCError(.internal, "the metadata '\(name)' is not base64")
      }
      appendUnchecked(name, .binary(bytes))
    }
  }

  /// Appends the entries as fields to send.
  func append(to fields: inout [HeaderField]) {
    forEachField { fields.append(HeaderField($0, $1)) }
  }

  /// Calls `body` with each entry's name and value as they are sent.
  func forEachField(_ body: (_ name: String, _ value: String) -> Void) {
    for entry in self {
      switch entry.value {
      case .text(let text): body(entry.name, text)
      case .binary(let bytes): body(entry.name, Base64.encode(bytes))
      }
    }
  }
}
