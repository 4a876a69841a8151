import GRPC
import GRPCTransport
import HTTP2
import NIOCore

/// Frames written by hand (RFC 9113 §6), for what no HTTP/2 library lets one send.
enum RawFrames {
  static func frame(_ type: UInt8, flags: UInt8, stream: Int32, _ payload: [UInt8]) -> [UInt8] {
    let count = payload.count
    return [
      UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags,
      UInt8(stream >> 24 & 127), UInt8(stream >> 16 & 255), UInt8(stream >> 8 & 255),
      UInt8(stream & 255),
    ] + payload
  }

  /// HEADERS; its fields are literals that no table is touched by (RFC 7541 §6.2.2).
  static func headers(
    _ stream: Int32, _ fields: KeyValuePairs<String, String>, ends: Bool = false
  ) -> [UInt8] {
    var block: [UInt8] = []
    for (name, value) in fields { block += [0] + string(name) + string(value) }
    return frame(1, flags: ends ? 0x5 : 0x4, stream: stream, block)
  }

  static func data(_ stream: Int32, _ bytes: [UInt8], ends: Bool = false) -> [UInt8] {
    frame(0, flags: ends ? 1 : 0, stream: stream, bytes)
  }

  /// Of at most 126 bytes.
  private static func string(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + text.utf8 }
}

/// Answers each request by bytes.
final class RawFrameServer: ChannelInboundHandler, @unchecked Sendable {
  // SAFETY: `@unchecked`, since it is used on its channel's event loop only.
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Reads requests, and says what is not about their streams.
  private var session: HTTP2Session
  private let answer: @Sendable (Int32) -> [UInt8]

  init(_ answer: @escaping @Sendable (Int32) -> [UInt8]) throws {
    session = try HTTP2Session(role: .server)
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let input = unwrapInboundIn(data)
    do {
      var answers: [UInt8] = []
      try session.receive(input.readableBytesSpan)
      while let event = session.nextEvent() {
        if case .end(let stream) = event { answers += answer(stream.id) }
      }
      var output = ByteBuffer()
      _ = try session.transmit { frame in _ = frame.withUnsafeBytes { output.writeBytes($0) } }
      output.writeBytes(answers)
      context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    } catch {
      context.close(promise: nil)
    }
  }
}
