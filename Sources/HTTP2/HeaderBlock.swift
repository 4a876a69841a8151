import CNGHTTP2

/// An ordered list of header fields, kept as bytes: nothing of it is trusted to be text.
///
/// Two allocations however many fields there are, and none for a received block: it is a part of what
/// was received with it. Names are lower case on the wire (RFC 9113 §8.2.1).
public struct HeaderBlock: Sendable {
  private struct Field {
    var nameStart: Int
    var valueStart: Int
    var end: Int
    var isIndexed: Bool

    var nameLength: Int { valueStart - nameStart }
  }

  /// Filled up to `used`: its count is the room there is.
  private var bytes: [UInt8] = []
  private var used = 0
  private var fields: [Field] = []
  /// Which of `fields` are this block's.
  private var own = 0..<0

  /// No fields.
  public init() {}

  /// Blocks after one another; each is a part of them.
  init(_ range: Range<Int>, of blocks: HeaderBlock) {
    bytes = blocks.bytes
    used = blocks.used
    fields = blocks.fields
    own = range.clamped(to: blocks.own)
  }

  /// A block of literals, for tests and constants.
  public init(_ literals: KeyValuePairs<String, String>) {
    for (name, value) in literals { append(name: name.utf8, value: value.utf8) }
  }

  /// The number of fields.
  public var count: Int { own.count }

  /// Whether there are no fields.
  public var isEmpty: Bool { own.isEmpty }

  /// Appends a field; the name must be lower case.
  public mutating func append(
    name: some Collection<UInt8>, value: some Collection<UInt8>
  ) {
    Array(name).withUnsafeBufferPointer { name in
      Array(value).withUnsafeBufferPointer { append(name: name, value: $0) }
    }
  }

  /// Appends a field; the name must be lower case.
  ///
  /// One that `isIndexed` is remembered by both sides of the connection, to be sent in a byte the next
  /// time (RFC 7541 §2.3); a value that is another each time would only push others out.
  public mutating func append(name: Span<UInt8>, value: Span<UInt8>, isIndexed: Bool = true) {
    name.withUnsafeBufferPointer { name in
      value.withUnsafeBufferPointer { append(name: name, value: $0, isIndexed: isIndexed) }
    }
  }

  /// Appends a field as it comes from the library.
  mutating func append(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, isIndexed: Bool = true
  ) {
    let middle = used + name.count
    let end = middle + value.count
    if end > bytes.count {
      bytes.append(contentsOf: repeatElement(0, count: max(end - bytes.count, bytes.count, 256)))
    }
    bytes.withUnsafeMutableBytes { all in
      all[used..<middle].copyBytes(from: name)
      all[middle..<end].copyBytes(from: value)
    }
    // A part of other blocks becomes one of its own.
    if own.upperBound < fields.count { fields.removeSubrange(own.upperBound...) }
    fields.append(
      Field(nameStart: used, valueStart: middle, end: end, isIndexed: isIndexed))
    own = own.lowerBound..<fields.count
    used = end
  }

  /// Forgets the fields; the storage stays, unless it is of more than `capacity` bytes.
  public mutating func removeAll(keeping capacity: Int) {
    if bytes.count > capacity { bytes = [] }
    fields.removeAll(keepingCapacity: !bytes.isEmpty)
    own = 0..<0
    used = 0
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
    for field in fields[own] {
      try body(
        all.extracting(field.nameStart..<field.valueStart),
        all.extracting(field.valueStart..<field.end))
    }
  }

  /// The value of the first field of this name, if it is UTF-8; for tests and rare fields.
  public func first(_ name: String) -> String? {
    let name = Array(name.utf8)[...]
    guard let field = fields[own].first(where: { bytes[$0.nameStart..<$0.valueStart] == name })
    else { return nil }
    return String(validating: bytes[field.valueStart..<field.end], as: UTF8.self)
  }

  /// Calls `body` with the fields as the library takes them; they point into this block.
  func withNameValues<R>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> R) -> R {
    bytes.withUnsafeBufferPointer { buffer in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: own.count) { scratch in
        // The library takes mutable pointers and only reads through them.
        let base = UnsafeMutablePointer(mutating: buffer.baseAddress)
        for (index, field) in fields[own].enumerated() {
          scratch.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: base.map { $0 + field.nameStart }, value: base.map { $0 + field.valueStart },
              namelen: field.nameLength,
              valuelen: field.end - field.valueStart,
              flags: UInt8(
                field.isIndexed
                  ? NGHTTP2_NV_FLAG_NONE.rawValue : NGHTTP2_NV_FLAG_NO_INDEX.rawValue)))
        }
        return body(UnsafeBufferPointer(scratch))
      }
    }
  }
}

extension HeaderBlock: Equatable {
  /// Whether both have the same fields in the same order.
  public static func == (one: HeaderBlock, other: HeaderBlock) -> Bool {
    one.count == other.count
      && zip(one.fields[one.own], other.fields[other.own]).allSatisfy { mine, theirs in
        mine.nameLength == theirs.nameLength
          && one.bytes[mine.nameStart..<mine.end] == other.bytes[theirs.nameStart..<theirs.end]
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
