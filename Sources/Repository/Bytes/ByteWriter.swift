/// Puts little-endian fields one after the other.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  mutating func put(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ id: BlobID) {
    put(id.words.0.byteSwapped)
    put(id.words.1.byteSwapped)
    put(id.words.2.byteSwapped)
    put(id.words.3.byteSwapped)
  }

  mutating func put(_ id: PackID) {
    put(id.words.0.byteSwapped)
    put(id.words.1.byteSwapped)
  }

  mutating func put(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func put(_ more: [UInt8]) { bytes.append(contentsOf: more) }

  mutating func putZeros(_ count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
  }
}
