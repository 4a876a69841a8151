import CNGHTTP2

/// An ordered list of header fields, kept as bytes: nothing of it is trusted to be text.
///
/// Two allocations however many fields there are. Names are lower case on the wire (RFC 9113 §8.2.1).
public struct HeaderBlock: Sendable, Equatable {
  private struct Field: Equatable {
    var nameStart: Int
    var valueStart: Int
    var end: Int
  }

  private var bytes: [UInt8] = []
  private var fields: [Field] = []

  public init() {}

  /// A block of literals, for tests and constants.
  public init(_ literals: KeyValuePairs<String, String>) {
    for (name, value) in literals { append(name: name.utf8, value: value.utf8) }
  }

  /// The number of fields.
  public var count: Int { fields.count }

  public var isEmpty: Bool { fields.isEmpty }

  /// The size that SETTINGS_MAX_HEADER_LIST_SIZE speaks of (RFC 9113 §10.5.1).
  public var listSize: Int { bytes.count + 32 * fields.count }

  /// Makes room ahead of appending.
  public mutating func reserve(fields fieldCount: Int, bytes byteCount: Int) {
    fields.reserveCapacity(fieldCount)
    bytes.reserveCapacity(byteCount)
  }

  /// Appends a field; the name must be lower case.
  public mutating func append(
    name: some Collection<UInt8>, value: some Collection<UInt8>
  ) {
    let start = bytes.count
    bytes.append(contentsOf: name)
    let middle = bytes.count
    bytes.append(contentsOf: value)
    fields.append(Field(nameStart: start, valueStart: middle, end: bytes.count))
  }

  /// Appends a field of two literals without making strings of them.
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    name.withUTF8Buffer { name in value.withUTF8Buffer { append(name: name, value: $0) } }
  }

  /// Appends a field with a literal name.
  public mutating func append(_ name: StaticString, value: some Collection<UInt8>) {
    name.withUTF8Buffer { append(name: $0, value: value) }
  }

  /// Calls `body` with each field's name and value, in order.
  public func forEachField<Failure: Error>(
    _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    let all = bytes.span
    for field in fields {
      try body(
        all.extracting(field.nameStart..<field.valueStart),
        all.extracting(field.valueStart..<field.end))
    }
  }

  /// The value of the first field of this name, if it is UTF-8; for tests and rare fields.
  public func first(_ name: String) -> String? {
    for field in fields where bytes[field.nameStart..<field.valueStart].elementsEqual(name.utf8) {
      return String(validating: bytes[field.valueStart..<field.end], as: UTF8.self)
    }
    return nil
  }

  /// Calls `body` with the fields as the library takes them; they point into this block.
  func withNameValues<R>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> R) -> R {
    bytes.withUnsafeBufferPointer { buffer in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { scratch in
        // The library takes mutable pointers and only reads through them.
        let base = UnsafeMutablePointer(mutating: buffer.baseAddress)
        for (index, field) in fields.enumerated() {
          scratch.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: base.map { $0 + field.nameStart }, value: base.map { $0 + field.valueStart },
              namelen: field.valueStart - field.nameStart,
              valuelen: field.end - field.valueStart,
              flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        }
        return body(UnsafeBufferPointer(scratch))
      }
    }
  }
}

extension Span<UInt8> {
  /// Whether these bytes are the literal's.
  public func equals(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    return literal.withUTF8Buffer { expected in
      withUnsafeBufferPointer { $0.elementsEqual(expected) }
    }
  }
}
