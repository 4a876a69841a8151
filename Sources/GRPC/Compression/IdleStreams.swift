import Synchronization

/// zlib's streams that wait for their next message; shared by all calls of the process.
///
/// A stream is taken for one message and put back, with no suspension between: there are never more
/// in use than threads. So many are kept; more are made where more are in use, and freed again.
final class IdleStreams<Stream: ~Copyable & Sendable>: Sendable {
  private let slots = Mutex<InlineArray<8, Stream?>>(InlineArray { _ in nil })

  /// A stream that was used before, if there is one.
  func take() -> Stream? {
    slots.withLock { slots in
      for index in slots.indices {
        if let stream = slots[index].take() { return stream }
      }
      return nil
    }
  }

  /// Keeps a stream for the next one who takes.
  func put(_ stream: consuming Stream) {
    var stream: Stream? = stream
    slots.withLock { slots in
      for index in slots.indices where slots[index] == nil {
        slots[index] = stream.take()
        return
      }
    }
  }
}

extension MessageEncoding {
  /// Shorter messages are not tried: what could be gained is less than what trying costs.
  private static let shortestWorth = 64

  private static let gzipDeflaters = IdleStreams<Deflater>()
  private static let zlibDeflaters = IdleStreams<Deflater>()
  private static let inflaters = IdleStreams<Inflater>()

  /// The compressed form of a message; nil when sending it as it is takes no more bytes.
  func compress(_ message: [UInt8]) -> [UInt8]? {
    guard self != .identity, message.count >= Self.shortestWorth else { return nil }
    let idle = self == .gzip ? Self.gzipDeflaters : Self.zlibDeflaters
    guard var stream = idle.take() ?? Deflater(self) else { return nil }
    let compressed = stream.compress(message)
    idle.put(stream)
    return compressed
  }

  /// The message that a payload is the compressed form of.
  ///
  /// - Throws: RESOURCE_EXHAUSTED when the message is longer than the limit, in bytes; INTERNAL when
  ///   the payload is no message in this encoding, and nothing else.
  func decompress(_ payload: [UInt8], limit: Int) throws(RPCError) -> [UInt8] {
    guard self != .identity else { return payload }
    guard var stream = Self.inflaters.take() ?? Inflater() else { throw Inflater.noMemory }
    let result = Result { () throws(RPCError) in
      try stream.decompress(payload, self, limit: limit)
    }
    Self.inflaters.put(stream)
    return try result.get()
  }
}
