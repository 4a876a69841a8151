import CXXHash
import Glibc

/// Whether all bytes are zero.
func isZero(_ span: RawSpan) -> Bool {
  span.withUnsafeBytes { bytes in
    guard let start = bytes.baseAddress, bytes.count > 0 else { return true }
    // SAFETY: with the first byte zero, each byte equals its successor exactly when all are zero; both ranges of
    // count - 1 bytes lie within `bytes`.
    return bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
  }
}

/// XXH3 of 64 bits (xxHash 0.8), which says where content is cut.
func fastHash(_ span: RawSpan, seed: UInt64) -> UInt64 {
  span.withUnsafeBytes { XXH3_64bits_withSeed($0.baseAddress, $0.count, seed) }
}

/// Copies `source` to `target` from `offset` on, where it must fit.
func copy(_ source: RawSpan, to target: inout MutableRawSpan, at offset: Int = 0) {
  precondition(offset >= 0 && source.byteCount <= target.byteCount - offset)
  guard source.byteCount > 0 else { return }
  // SAFETY: checked above to fit; exclusive access to `target` means that they do not overlap.
  source.withUnsafeBytes { source in
    target.withUnsafeMutableBytes { target in
      _ = memcpy(target.baseAddress! + offset, source.baseAddress!, source.count)
    }
  }
}

/// Fills `target` with zeros.
func clear(_ target: inout MutableRawSpan) {
  target.withUnsafeMutableBytes { bytes in
    guard let start = bytes.baseAddress else { return }
    // SAFETY: the whole of a live span.
    _ = memset(start, 0, bytes.count)
  }
}

extension [UInt8] {
  /// Lends the bytes of `range` for writing.
  mutating func edit<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = mutableSpan
    var bytes = span.mutableBytes
    var part = bytes._mutatingExtracting(range)
    return try body(&part)
  }
}
