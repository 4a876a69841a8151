import CNGHTTP2
import Glibc

/// An ordered list of header fields, kept as bytes: nothing of it is trusted to be text.
///
/// One allocation however many fields there are, and none for a received block: it is a part of what
/// was received with it. Names are lower case on the wire (RFC 9113 §8.2.1).
public struct HeaderBlock: Sendable {
  /// A field's place: its length is written before it, and its name and value follow one another.
  private struct Field {
    let start: Int
    let nameLength: Int
    let valueLength: Int
    let isIndexed: Bool

    var name: Range<Int> { start..<start + nameLength }
    var value: Range<Int> { start + nameLength..<end }
    var end: Int { start + nameLength + valueLength }

    /// Bytes that say the lengths: each a `UInt32`, the name's with a bit for what is not indexed.
    static let prefix = 8
    static let notIndexed: UInt32 = 1 << 31
  }

  /// Fields after one another. Its count is the room there is.
  private var bytes: [UInt8] = []
  /// The part that is this block's.
  private var own = 0..<0

  /// No fields.
  public init() {}

  /// Blocks after one another; each is a part of them.
  init(_ range: Range<Int>, of blocks: HeaderBlock) {
    bytes = blocks.bytes
    own = range.clamped(to: blocks.own)
  }

  /// A block of literals, for tests and constants.
  public init(_ literals: KeyValuePairs<String, String>) {
    for (name, value) in literals { append(name: name.utf8, value: value.utf8) }
  }

  /// The number of fields.
  public var count: Int {
    var count = 0
    forEachField { _, _ in count += 1 }
    return count
  }

  /// Whether there are no fields.
  public var isEmpty: Bool { own.isEmpty }

  /// The bytes that it takes; of two blocks with the same names, the one with the larger list (RFC 9113
  /// §10.5.1) has more.
  public var byteCount: Int { own.count }

  /// Where the next field goes.
  var end: Int { own.upperBound }

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
    let start = own.upperBound + Field.prefix
    let end = start + name.count + value.count
    if end > bytes.count {
      bytes.append(contentsOf: repeatElement(0, count: max(end - bytes.count, bytes.count, 256)))
    }
    bytes.withUnsafeMutableBytes { all in
      guard let field = all.baseAddress?.advanced(by: own.upperBound) else { return }
      let mark = isIndexed ? 0 : Field.notIndexed
      field.storeBytes(of: UInt32(name.count) | mark, as: UInt32.self)
      field.storeBytes(of: UInt32(value.count), toByteOffset: 4, as: UInt32.self)
      let content = field + Field.prefix
      if let source = name.baseAddress { content.copyMemory(from: source, byteCount: name.count) }
      if let source = value.baseAddress {
        (content + name.count).copyMemory(from: source, byteCount: value.count)
      }
    }
    own = own.lowerBound..<end
  }

  /// Forgets the fields; the storage stays, unless it is of more than `capacity` bytes.
  public mutating func removeAll(keeping capacity: Int) {
    if bytes.count > capacity { bytes = [] }
    own = 0..<0
  }

  /// Forgets the fields from `last` on, which are a block's, if those of `earlier` are the same.
  mutating func dropLast(from last: Int, ifAs earlier: Range<Int>) -> Bool {
    guard holdsSameBytes(last..<own.upperBound, as: earlier, of: self) else { return false }
    own = own.lowerBound..<last
    return true
  }

  private func holdsSameBytes(
    _ range: Range<Int>, as otherRange: Range<Int>, of other: HeaderBlock
  ) -> Bool {
    guard range.count == otherRange.count else { return false }
    return bytes.withUnsafeBytes { own in
      other.bytes.withUnsafeBytes { other in
        guard let own = own.baseAddress, let other = other.baseAddress else { return true }
        return memcmp(own + range.lowerBound, other + otherRange.lowerBound, range.count) == 0
      }
    }
  }

  /// Forgets the fields before a place.
  mutating func removeAll(before start: Int, keeping capacity: Int) {
    guard start < end else { return removeAll(keeping: capacity) }
    bytes = Array(bytes[start..<end])
    own = 0..<bytes.count
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
    var place = own.lowerBound
    while let field = field(at: place) {
      try body(all.extracting(field.name), all.extracting(field.value))
      place = field.end
    }
  }

  /// Calls `body` with each field whose value is another than in an earlier block, in order.
  ///
  /// False: the two differ in their names, or `body` has said false, and was not called again.
  public func forEachChange(
    since earlier: HeaderBlock, _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool
  ) -> Bool {
    var place = own.lowerBound
    var earlierPlace = earlier.own.lowerBound
    while let field = field(at: place), let other = earlier.field(at: earlierPlace) {
      let isSame = holdsSameBytes(place..<field.end, as: earlierPlace..<other.end, of: earlier)
      if !isSame {
        guard holdsSameBytes(field.name, as: other.name, of: earlier),
          body(bytes.span.extracting(field.name), bytes.span.extracting(field.value))
        else { return false }
      }
      place = field.end
      earlierPlace = other.end
    }
    return place == own.upperBound && earlierPlace == earlier.own.upperBound
  }

  /// The same fields, without what was received with them.
  public func copy() -> HeaderBlock {
    var copy = HeaderBlock()
    copy.bytes = Array(bytes[own])
    copy.own = 0..<own.count
    return copy
  }

  /// The field whose lengths are written there; nil at the end.
  private func field(at place: Int) -> Field? {
    guard place < own.upperBound else { return nil }
    let (name, value) = bytes.withUnsafeBytes { all in
      (
        all.loadUnaligned(fromByteOffset: place, as: UInt32.self),
        all.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self)
      )
    }
    return Field(
      start: place + Field.prefix, nameLength: Int(name & ~Field.notIndexed),
      valueLength: Int(value), isIndexed: name & Field.notIndexed == 0)
  }

  /// The value of the first field of this name, if it is UTF-8; for tests and rare fields.
  public func first(_ name: String) -> String? {
    let name = Array(name.utf8)[...]
    var place = own.lowerBound
    while let field = field(at: place) {
      if bytes[field.name] == name { return String(validating: bytes[field.value], as: UTF8.self) }
      place = field.end
    }
    return nil
  }

  /// Calls `body` with the fields as the library takes them; they point into this block.
  func withNameValues<R>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> R) -> R {
    let count = count
    return bytes.withUnsafeBufferPointer { buffer in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: count) { scratch in
        // The library takes mutable pointers and only reads through them.
        let base = UnsafeMutablePointer(mutating: buffer.baseAddress)
        var place = own.lowerBound
        var index = 0
        while let field = field(at: place) {
          scratch.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: base.map { $0 + field.name.lowerBound },
              value: base.map { $0 + field.value.lowerBound },
              namelen: field.nameLength, valuelen: field.valueLength,
              flags: UInt8(
                field.isIndexed
                  ? NGHTTP2_NV_FLAG_NONE.rawValue : NGHTTP2_NV_FLAG_NO_INDEX.rawValue)))
          place = field.end
          index += 1
        }
        return body(UnsafeBufferPointer(scratch))
      }
    }
  }
}

extension HeaderBlock: Equatable {
  /// Whether both have the same fields, and index the same, in the same order.
  public static func == (one: HeaderBlock, other: HeaderBlock) -> Bool {
    one.holdsSameBytes(one.own, as: other.own, of: other)
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
