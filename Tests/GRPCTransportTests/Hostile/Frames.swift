/// Frames and header blocks written by hand, for what no library would write (RFC 9113 §4.1, §6).
enum Frames {
  enum Kind: UInt8 {
    case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate
    case continuation
  }

  static let endStream: UInt8 = 0x1
  static let acknowledgement: UInt8 = 0x1
  static let endHeaders: UInt8 = 0x4
  static let padded: UInt8 = 0x8

  static func frame(
    _ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    let length = UInt32(payload.count)
    return big(length).dropFirst() + [kind, flags] + big(stream) + payload
  }

  static func frame(
    _ kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    frame(kind.rawValue, flags: flags, stream: stream, payload)
  }

  static func big(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
  }

  static let magic = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  /// A client's connection preface: the magic and an empty SETTINGS.
  static let preface = magic + frame(.settings)

  /// The `number`th stream that a client opens.
  static func id(_ number: UInt32) -> UInt32 { 2 * number + 1 }

  static func settings(_ values: KeyValuePairs<UInt16, UInt32>) -> [UInt8] {
    frame(.settings, values.flatMap { big(UInt32($0.key)).suffix(2) + big($0.value) })
  }

  static func headers(
    _ stream: UInt32, _ path: String = "/test.Echo/Say", ends: Bool = false, _ more: [UInt8] = []
  ) -> [UInt8] {
    frame(
      .headers, flags: endHeaders | (ends ? endStream : 0), stream: stream, block(path) + more)
  }

  static func data(_ stream: UInt32, _ payload: [UInt8], ends: Bool = false) -> [UInt8] {
    frame(.data, flags: ends ? endStream : 0, stream: stream, payload)
  }

  static func reset(_ stream: UInt32) -> [UInt8] { frame(.reset, stream: stream, big(8)) }

  static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] {
    frame(.windowUpdate, stream: stream, big(increment))
  }

  /// A message with its prefix (PROTOCOL-HTTP2, "Length-Prefixed-Message").
  static func message(_ payload: [UInt8], length: UInt32? = nil) -> [UInt8] {
    [0] + big(length ?? UInt32(payload.count)) + payload
  }

  /// A whole unary call.
  static func call(_ stream: UInt32, _ path: String = "/test.Echo/Say") -> [UInt8] {
    headers(stream, path) + data(stream, message([0x61]), ends: true)
  }

  /// The header block of a call, without entries in the dynamic table (RFC 7541 §6.2.2).
  static func block(_ path: String) -> [UInt8] {
    // POST, http, :path, :authority, content-type, te.
    [0x83, 0x86, 0x04] + text(path) + [0x01] + text("here") + [0x0f, 0x10]
      + text("application/grpc") + literal("te", "trailers")
  }

  /// A field that does not enter the table.
  static func literal(_ name: String, _ value: String) -> [UInt8] {
    [0x00] + text(name) + text(value)
  }

  /// A field that enters the table (RFC 7541 §6.2.1).
  static func indexed(_ name: String, _ value: String) -> [UInt8] {
    [0x40] + text(name) + text(value)
  }

  /// A string without Huffman coding (RFC 7541 §5.2).
  static func text(_ text: String) -> [UInt8] {
    var length = text.utf8.count
    guard length >= 127 else { return [UInt8(length)] + Array(text.utf8) }
    var bytes: [UInt8] = [127]
    length -= 127
    while length >= 128 {
      bytes.append(UInt8(length & 0x7f) | 0x80)
      length >>= 7
    }
    return bytes + [UInt8(length)] + Array(text.utf8)
  }
}
