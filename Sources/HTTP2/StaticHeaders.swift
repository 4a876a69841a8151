import CNGHTTP2

/// A header block made once and kept for the life of the process, which is sent without being copied.
///
/// Make one only for a constant: its memory is never freed.
public struct StaticHeaders: Sendable {
  // SAFETY: written once here, only read afterwards, never freed.
  nonisolated(unsafe) let fields: UnsafeBufferPointer<nghttp2_nv>

  /// Copies a block into memory that stays.
  public init(_ block: HeaderBlock) {
    let kept = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: block.count)
    let flags = UInt8(
      NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
    block.withNameValues { fields in
      for (index, field) in fields.enumerated() {
        kept.initializeElement(
          at: index,
          to: nghttp2_nv(
            name: Self.copy(field.name, field.namelen),
            value: Self.copy(field.value, field.valuelen),
            namelen: field.namelen, valuelen: field.valuelen, flags: flags))
      }
    }
    fields = UnsafeBufferPointer(kept)
  }

  private static func copy(
    _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int
  ) -> UnsafeMutablePointer<UInt8> {
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(count, 1))
    _ = copy.update(fromContentsOf: UnsafeMutableBufferPointer(start: bytes, count: count))
    // SAFETY: a buffer allocated with a capacity of at least one has an address.
    return copy.baseAddress!
  }
}
