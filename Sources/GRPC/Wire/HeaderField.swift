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

  /// What a field adds to a list's size (RFC 9113 §6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE).
  var listSize: Int { name.utf8.count + value.utf8.count + 32 }
}

extension Metadata {
  /// The metadata in a received block: every field but those that belong to HTTP or to gRPC itself.
  ///
  /// - Throws: RESOURCE_EXHAUSTED when the block is larger than the limit (in bytes, as HTTP/2
  ///   counts a list's size), INTERNAL for a name or value that the grammar does not allow.
  init(fields: some Sequence<HeaderField>, limit: Int) throws(RPCError) {
    self.init()
    var size = 0
    for field in fields {
      size += field.listSize
      guard size <= limit else {
        throw RPCError(.resourceExhausted, "metadata is larger than \(limit) bytes")
      }
      if field.name.hasPrefix(":") || Self.isReserved(field.name) { continue }
      guard Self.hasValidCharacters(field.name) else {
        throw RPCError(.internal, "a metadata name has characters that are not allowed")
      }
      if field.name.hasSuffix("-bin") {
        try appendBinaries(field.name, field.value)
      } else {
        guard field.value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
          throw RPCError(.internal, "the metadata '\(field.name)' is not printable ASCII")
        }
        appendUnchecked(field.name, .text(String(field.value.trimmingBlanks())))
      }
    }
  }

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
