import GRPC
import HTTP2

extension HeaderBlock {
  /// The block as gRPC reads it. Bytes that are not UTF-8 become U+FFFD, which no field of gRPC's
  /// grammar lets through.
  var fields: [HeaderField] {
    var fields: [HeaderField] = []
    fields.reserveCapacity(count)
    forEachField { name, value in
      fields.append(HeaderField(Self.text(name), Self.text(value)))
    }
    return fields
  }

  /// The block that carries these fields.
  init(_ fields: [HeaderField]) {
    self.init()
    for field in fields { append(name: field.name.utf8, value: field.value.utf8) }
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

extension HTTP2Link {
  /// Queues one message; false: the stream has enough, wait for `.writable`.
  func write(_ message: OutboundMessage, on stream: HTTP2Stream) -> Bool {
    withUnsafeBytes(of: message.prefix) { prefix in
      session.write(prefix.bytes, message.payload.span.bytes, on: stream)
    }
  }
}
