import CZlib

/// A compressing stream of zlib's, used for one message after another: to make one costs a quarter
/// of a megabyte and far more time than to use it again.
///
/// SAFETY: `@unchecked`, since it is the only owner of its stream, which no thread is bound to.
struct Deflater: ~Copyable, @unchecked Sendable {
  // The library keeps the address, so that it must not move.
  private let stream: UnsafeMutablePointer<z_stream>

  /// Nil when there is no memory for it.
  init?(_ encoding: MessageEncoding) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let window = encoding == .gzip ? MAX_WBITS + 16 : MAX_WBITS
    let result = deflateInit2_(
      stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    // From here on `deinit` frees what was made; it does no harm to a stream that was not.
    guard result == Z_OK else { return nil }
  }

  deinit {
    deflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
  }

  /// The compressed form of a message; nil when it is not at least one byte shorter.
  mutating func compress(_ message: [UInt8]) -> [UInt8]? {
    guard let count = UInt32(exactly: message.count), count > 1, deflateReset(stream) == Z_OK
    else { return nil }
    // Room for what would be a gain, and no more: to need more is the answer.
    let output = [UInt8](unsafeUninitializedCapacity: message.count - 1) { room, used in
      used = message.withUnsafeBufferPointer { input in
        stream.pointee.next_in = input.baseAddress
        stream.pointee.avail_in = count
        stream.pointee.next_out = room.baseAddress
        stream.pointee.avail_out = count - 1
        guard deflate(stream, Z_FINISH) == Z_STREAM_END else { return 0 }
        return Int(count - 1 - stream.pointee.avail_out)
      }
    }
    forgetBuffers()
    return output.isEmpty ? nil : output
  }

  private func forgetBuffers() {
    stream.pointee.next_in = nil
    stream.pointee.next_out = nil
    stream.pointee.avail_in = 0
    stream.pointee.avail_out = 0
  }
}
