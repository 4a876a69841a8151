/// One message on its way out (PROTOCOL-HTTP2, "Length-Prefixed-Message"): a flag, a big-endian
/// 32-bit length, and the message.
public struct OutboundMessage: Sendable, Hashable {
  /// The message without its prefix: serialized, and perhaps compressed.
  public let payload: [UInt8]
  /// Whether the payload is compressed in the encoding of the call's head.
  public let isCompressed: Bool

  /// The length of the prefix in bytes.
  public static let prefixLength = 5

  init(payload: [UInt8], isCompressed: Bool = false) {
    self.payload = payload
    self.isCompressed = isCompressed
  }

  /// Compresses a message, if that makes it shorter.
  init(_ message: [UInt8], in encoding: MessageEncoding) {
    let compressed = encoding == .identity ? nil : encoding.compress(message)
    self.init(payload: compressed ?? message, isCompressed: compressed != nil)
  }

  /// The length on the wire, in bytes.
  public var framedCount: Int { Self.prefixLength + payload.count }

  /// The five bytes that go before the payload.
  public var prefix: (UInt8, UInt8, UInt8, UInt8, UInt8) {
    // A message's size is held to `CallLimits` before it becomes one of these.
    let length = UInt32(truncatingIfNeeded: payload.count)
    return (
      isCompressed ? 1 : 0,
      UInt8(truncatingIfNeeded: length >> 24), UInt8(truncatingIfNeeded: length >> 16),
      UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)
    )
  }

  /// Appends prefix and payload to a buffer.
  public func append(to buffer: inout [UInt8]) {
    let prefix = prefix
    buffer.append(contentsOf: [prefix.0, prefix.1, prefix.2, prefix.3, prefix.4])
    buffer.append(contentsOf: payload)
  }
}

/// One message that has come, as it was on the wire.
public struct InboundMessage: Sendable, Hashable {
  /// The message without its prefix, in its encoding.
  public let payload: [UInt8]
  /// How the payload is compressed.
  public let encoding: MessageEncoding

  /// The length on the wire, in bytes.
  public var framedCount: Int { OutboundMessage.prefixLength + payload.count }

  /// The message itself.
  ///
  /// - Throws: RESOURCE_EXHAUSTED when it is longer than the limit, in bytes; INTERNAL when it can't
  ///   be decompressed.
  public func decompressed(limit: Int) throws(RPCError) -> [UInt8] {
    encoding == .identity ? payload : try encoding.decompress(payload, limit: limit)
  }
}

/// Cuts a stream of bytes, in pieces of any size, into messages.
///
/// It holds at most one incomplete message, and memory only for bytes that came: a prefix that lies
/// about a length costs nothing.
public struct MessageDeframer: Sendable {
  /// The largest message that is let through, in bytes as they are on the wire.
  public let limit: Int
  /// What the peer says its compressed messages are compressed by; `identity`: there may be none.
  public var encoding: MessageEncoding

  private var prefix: [UInt8] = []
  private var payload: [UInt8] = []
  private var missing = 0
  private var isCompressed = false

  /// A deframer that refuses messages larger than the limit.
  public init(limit: Int, encoding: MessageEncoding = .identity) {
    self.limit = limit
    self.encoding = encoding
  }

  /// How many bytes of an incomplete message are held, its prefix among them.
  public var partialCount: Int { prefix.count + payload.count }

  /// The next message that `bytes`, from `offset` on, completes; nil when they are used up.
  ///
  /// Call it until it answers nil. After it throws, the stream can't be read any further.
  /// - Throws: RESOURCE_EXHAUSTED for a message over the limit, as soon as its prefix is there;
  ///   INTERNAL for a compressed message when no encoding was named, or a flag with reserved bits.
  public mutating func next(
    in bytes: RawSpan, from offset: inout Int
  ) throws(RPCError) -> InboundMessage? {
    let header = OutboundMessage.prefixLength
    if prefix.isEmpty, bytes.byteCount - offset >= header {
      // SAFETY: any byte is a UInt8, and the offset is checked against the bounds.
      let length: Int
      (length, isCompressed) = try declaration {
        bytes.unsafeLoad(fromByteOffset: offset + $0, as: UInt8.self)
      }
      if bytes.byteCount - offset - header >= length {
        let start = offset + header
        offset = start + length
        return message(bytes.extracting(start..<offset).withUnsafeBytes { Array($0) })
      }
    }
    if prefix.count < header {
      let wanted = header - prefix.count
      _ = Self.take(wanted, of: bytes, from: &offset, into: &prefix)
      guard prefix.count == header else { return nil }
      (missing, isCompressed) = try declaration { prefix[$0] }
    }
    missing -= Self.take(missing, of: bytes, from: &offset, into: &payload)
    guard missing == 0 else { return nil }
    defer {
      prefix.removeAll(keepingCapacity: true)
      payload = []
    }
    return message(payload)
  }

  private func message(_ payload: [UInt8]) -> InboundMessage {
    InboundMessage(payload: payload, encoding: isCompressed ? encoding : .identity)
  }

  /// What a prefix says.
  private func declaration(
    _ byte: (Int) -> UInt8
  ) throws(RPCError) -> (length: Int, isCompressed: Bool) {
    switch byte(0) {
    case 0: break
    case 1 where encoding != .identity: break
    case 1: throw RPCError(.internal, "a compressed message, but no message encoding was named")
    default: throw RPCError(.internal, "a message's flags have reserved bits")
    }
    let length = Int(byte(1)) << 24 | Int(byte(2)) << 16 | Int(byte(3)) << 8 | Int(byte(4))
    guard length <= limit else {
      throw RPCError(
        .resourceExhausted, "a message of \(length) bytes; the limit is \(limit) bytes")
    }
    return (length, byte(0) == 1)
  }

  /// Moves up to `wanted` bytes; answers how many there were.
  private static func take(
    _ wanted: Int, of bytes: RawSpan, from offset: inout Int, into target: inout [UInt8]
  ) -> Int {
    let count = min(wanted, bytes.byteCount - offset)
    bytes.extracting(offset..<offset + count).withUnsafeBytes { target.append(contentsOf: $0) }
    offset += count
    return count
  }
}
