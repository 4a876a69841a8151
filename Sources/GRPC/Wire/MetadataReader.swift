/// Makes metadata of the fields of one header block after another.
///
/// The calls of one connection tend to bring the same metadata (RFC 7541 rests on it): when a block's
/// fields are those of the block before, byte by byte, its metadata is not made again.
struct MetadataReader: Sendable {
  private struct Fields: Sendable, Equatable {
    var bytes: [UInt8] = []
    /// Where each field's name and value end.
    var ends: [Int] = []

    mutating func removeAll() {
      guard !ends.isEmpty else { return }
      bytes.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
  }

  private var fields = Fields()
  private var lastFields = Fields()
  private var last = Metadata()

  /// Larger metadata is not remembered, so that an idle connection costs little.
  private static let rememberedBytes = 1 << 10

  /// Adds a field; only `finish` checks it.
  mutating func append(name: Span<UInt8>, value: Span<UInt8>) {
    name.withUnsafeBufferPointer { fields.bytes.append(contentsOf: $0) }
    fields.ends.append(fields.bytes.count)
    value.withUnsafeBufferPointer { fields.bytes.append(contentsOf: $0) }
    fields.ends.append(fields.bytes.count)
  }

  /// The metadata of the fields added since the last `finish` or `drop`.
  ///
  /// - Throws: INTERNAL for a name or value that the grammar does not allow.
  mutating func finish() throws(RPCError) -> Metadata {
    defer { drop() }
    if fields == lastFields { return last }
    let metadata = try read()
    if fields.bytes.count <= Self.rememberedBytes {
      swap(&fields, &lastFields)
      last = metadata
    } else {
      fields = Fields()
    }
    return metadata
  }

  /// Forgets the fields added.
  mutating func drop() { fields.removeAll() }

  private func read() throws(RPCError) -> Metadata {
    var metadata = Metadata()
    let bytes = fields.bytes.span
    var start = 0
    for index in stride(from: 0, to: fields.ends.count, by: 2) {
      let middle = fields.ends[index]
      let end = fields.ends[index + 1]
      try metadata.append(
        name: bytes.extracting(start..<middle), value: bytes.extracting(middle..<end))
      start = end
    }
    return metadata
  }
}

extension Metadata {
  /// Appends a received field that is neither HTTP's nor gRPC's own.
  fileprivate mutating func append(name: Span<UInt8>, value: Span<UInt8>) throws(RPCError) {
    let name = name.text
    guard Self.hasValidCharacters(name) else {
      throw RPCError(.internal, "a metadata name has characters that are not allowed")
    }
    if name.hasSuffix("-bin") {
      try appendBinaries(name, value.text)
    } else {
      let value = value.text
      guard value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
        throw RPCError(.internal, "the metadata '\(name)' is not printable ASCII")
      }
      appendUnchecked(name, .text(String(value.trimmingBlanks())))
    }
  }
}
