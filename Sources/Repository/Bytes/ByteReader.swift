/// Reads little-endian fields from bytes that nobody vouches for: each read is checked, none can trap.
struct ByteReader {
  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var remaining: Int { bytes.count - offset }

  private mutating func take(_ count: Int) throws(FormatError) -> Int {
    guard count >= 0, count <= remaining else {
      throw FormatError("it ends at byte \(bytes.count), too early")
    }
    defer { offset += count }
    return offset
  }

  mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type = T.self
  ) throws(FormatError) -> T {
    let start = try take(MemoryLayout<T>.size)
    return T(
      littleEndian: bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: T.self))
  }

  mutating func blobID() throws(FormatError) -> BlobID {
    let start = try take(BlobID.byteCount)
    return BlobID(bytes.span.bytes, at: start)
  }

  mutating func packID() throws(FormatError) -> PackID {
    let start = try take(PackID.byteCount)
    return PackID(bytes.span.bytes, at: start)
  }

  mutating func array(_ count: Int) throws(FormatError) -> [UInt8] {
    let start = try take(count)
    return Array(bytes[start..<start + count])
  }

  /// Takes the bytes of `text` or fails.
  mutating func expect(_ text: StaticString) throws(FormatError) {
    let start = try take(text.utf8CodeUnitCount)
    for index in 0..<text.utf8CodeUnitCount where bytes[start + index] != text.utf8Start[index] {
      throw FormatError("it does not begin with '\(text)'")
    }
  }

  /// Takes reserved bytes, which must be zero.
  mutating func expectZeros(_ count: Int) throws(FormatError) {
    let start = try take(count)
    guard bytes[start..<start + count].allSatisfy({ $0 == 0 }) else {
      throw FormatError("a reserved byte is not zero")
    }
  }
}

/// Why bytes are not what they claim to be.
struct FormatError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
