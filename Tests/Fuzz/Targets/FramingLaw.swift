import GRPC

/// A stream of bytes is the same messages and the same error however it is cut, and decompressing
/// stays within its limit.
enum FramingLaw {
  private static let limit = 64 << 10

  private struct Reading: Equatable {
    var messages: [InboundMessage] = []
    var error: StatusCode?
  }

  /// The first byte chooses the encoding, the second the cut.
  static func check(_ input: [UInt8]) throws(BrokenLaw) {
    guard input.count > 2 else { return }
    let encodings = MessageEncoding.allCases
    let encoding = encodings[Int(input[0]) % encodings.count]
    let bytes = Array(input.dropFirst(2))
    let whole = try read(bytes, encoding, pieces: bytes.count)
    let cut = try read(bytes, encoding, pieces: Int(input[1] % 32) + 1)
    try law(whole == cut, "cut otherwise, it reads otherwise: \(whole) and \(cut)")
    for message in whole.messages {
      guard let plain = try? message.decompressed(limit: limit) else { continue }
      try law(plain.count <= limit, "\(plain.count) bytes are more than the limit")
    }
  }

  private static func read(
    _ bytes: [UInt8], _ encoding: MessageEncoding, pieces size: Int
  ) throws(BrokenLaw) -> Reading {
    var deframer = MessageDeframer(limit: limit, encoding: encoding)
    var reading = Reading()
    var start = 0
    while start < bytes.count {
      let piece = Array(bytes[start..<min(start + size, bytes.count)])
      start += piece.count
      var offset = 0
      do throws(RPCError) {
        while let message = try deframer.next(in: piece.span.bytes, from: &offset) {
          reading.messages.append(message)
        }
      } catch {
        reading.error = error.code
        return reading
      }
      try law(offset == piece.count, "bytes are left over")
      try law(deframer.partialCount <= limit + 5, "more is held than a message")
    }
    return reading
  }
}
