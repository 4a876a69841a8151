import CZlib

/// A decompressing stream of zlib's, used for one message after another, of either format.
///
/// What a message becomes is held to a limit while it grows: a bomb takes as much memory as the
/// limit, and the scratch space that is here anyway.
///
/// SAFETY: `@unchecked`, since it is the only owner of its stream, which no thread is bound to.
struct Inflater: ~Copyable, @unchecked Sendable {
  // The library keeps the address, so that it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  /// Where messages grow first; most need no more.
  private let scratch: UnsafeMutableBufferPointer<UInt8>

  private static let scratchSize = 32 << 10
  /// No format that ends in DEFLATE (RFC 1951) makes more of a byte.
  private static let highestRatio = 1032
  /// Space reserved at once; the system gives memory for it only as it is written to.
  private static let largestStep = 64 << 20

  /// How much has been made of the last payload, in bytes.
  var produced: Int { Int(stream.pointee.total_out) }

  /// Nil when there is no memory for it.
  init?() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    scratch = .allocate(capacity: Self.scratchSize)
    let result = inflateInit2_(
      stream, MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    // From here on `deinit` frees what was made; it does no harm to a stream that was not.
    guard result == Z_OK else { return nil }
  }

  deinit {
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
    scratch.deallocate()
  }

  /// The message that a payload is the compressed form of.
  ///
  /// - Throws: RESOURCE_EXHAUSTED when the message is longer than the limit, in bytes; INTERNAL when
  ///   the payload is damaged, cut short, or goes on after the message's end.
  mutating func decompress(
    _ payload: [UInt8], _ encoding: MessageEncoding, limit: Int
  ) throws(RPCError) -> [UInt8] {
    let window = encoding == .gzip ? MAX_WBITS + 16 : MAX_WBITS
    guard inflateReset2(stream, window) == Z_OK, let count = UInt32(exactly: payload.count) else {
      throw Self.damaged
    }
    defer { forgetBuffers() }
    return try payload.withUnsafeBufferPointer { input throws(RPCError) in
      stream.pointee.next_in = input.baseAddress
      stream.pointee.avail_in = count
      return try message(limit: limit, from: input.count)
    }
  }

  private func message(limit: Int, from count: Int) throws(RPCError) -> [UInt8] {
    var (used, isWhole) = try fill(scratch)
    guard used <= limit else { throw Self.tooLarge(limit) }
    var message = Array(scratch[..<used])
    // One byte more than either bound allows tells that there is more.
    let (ratioBound, overflows) = count.multipliedReportingOverflow(by: Self.highestRatio)
    let bound = min(limit, overflows ? .max - 1 : ratioBound) + 1
    while !isWhole {
      let room = min(max(message.count, Self.largestStep), bound - message.count)
      guard room > 0 else { throw Self.damaged }
      try message.append(addingCapacity: room) { output throws(RPCError) in
        try output.withUnsafeMutableBufferPointer { buffer, filled throws(RPCError) in
          (filled, isWhole) = try fill(buffer)
        }
      }
      guard message.count <= limit else { throw Self.tooLarge(limit) }
    }
    return message
  }

  /// Decompresses until the room is used up or the message is whole.
  private func fill(
    _ room: UnsafeMutableBufferPointer<UInt8>
  ) throws(RPCError) -> (used: Int, isWhole: Bool) {
    let offered = UInt32(clamping: room.count)
    stream.pointee.next_out = room.baseAddress
    stream.pointee.avail_out = offered
    let result = inflate(stream, Z_NO_FLUSH)
    let used = Int(offered - stream.pointee.avail_out)
    switch result {
    case Z_STREAM_END where stream.pointee.avail_in == 0: return (used, true)
    // No room is left; or else no input is, and the message is cut short.
    case Z_OK where stream.pointee.avail_out == 0: return (used, false)
    case Z_MEM_ERROR: throw Self.noMemory
    default: throw Self.damaged
    }
  }

  private func forgetBuffers() {
    stream.pointee.next_in = nil
    stream.pointee.next_out = nil
    stream.pointee.avail_in = 0
    stream.pointee.avail_out = 0
  }

  private static let damaged = RPCError(.internal, "a compressed message is damaged")
  static let noMemory = RPCError(.resourceExhausted, "no memory to decompress a message")

  private static func tooLarge(_ limit: Int) -> RPCError {
    RPCError(
      .resourceExhausted, "a message that is decompressed to more than the limit of \(limit) bytes")
  }
}
