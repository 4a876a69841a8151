/// CRC-32C (Castagnoli; RFC 3720 §12.1), eight bytes a step.
struct CRC32C {
  private var state: UInt32 = ~0

  /// `tables[8 * 256]`: table k advances a byte by k further bytes of zero.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<tables.count {
      let previous = tables[index - 256]
      tables[index] = previous >> 8 ^ tables[Int(previous & 255)]
    }
    return tables
  }()

  var value: UInt32 { ~state }

  mutating func update(_ span: RawSpan) {
    var crc = state
    span.withUnsafeBytes { bytes in
      Self.tables.withUnsafeBufferPointer { tables in
        // SAFETY: every table index is a byte plus k * 256 with k < 8, and every load ends within `bytes`.
        let whole = bytes.count & ~7
        var offset = 0
        while offset < whole {
          let word =
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            ^ UInt64(crc)
          crc =
            tables[1792 + Int(word & 255)] ^ tables[1536 + Int(word >> 8 & 255)]
            ^ tables[1280 + Int(word >> 16 & 255)] ^ tables[1024 + Int(word >> 24 & 255)]
            ^ tables[768 + Int(word >> 32 & 255)] ^ tables[512 + Int(word >> 40 & 255)]
            ^ tables[256 + Int(word >> 48 & 255)] ^ tables[Int(word >> 56)]
          offset += 8
        }
        while offset < bytes.count {
          crc = crc >> 8 ^ tables[Int((crc ^ UInt32(bytes[offset])) & 255)]
          offset += 1
        }
      }
    }
    state = crc
  }

  static func of(_ span: RawSpan) -> UInt32 {
    var crc = CRC32C()
    crc.update(span)
    return crc.value
  }
}
