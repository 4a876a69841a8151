/// Why a stream or a connection was ended (RFC 9113 §7); unknown codes are kept.
public struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable {
  /// The number in a frame.
  public var rawValue: UInt32

  /// Any number is a code.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Nothing is wrong: a graceful end.
  public static let noError = HTTP2ErrorCode(rawValue: 0x0)
  /// The peer broke the protocol.
  public static let protocolError = HTTP2ErrorCode(rawValue: 0x1)
  /// This side failed.
  public static let internalError = HTTP2ErrorCode(rawValue: 0x2)
  /// The peer sent more than its window.
  public static let flowControlError = HTTP2ErrorCode(rawValue: 0x3)
  /// A frame for a stream that is over.
  public static let streamClosed = HTTP2ErrorCode(rawValue: 0x5)
  /// A frame of a wrong size.
  public static let frameSizeError = HTTP2ErrorCode(rawValue: 0x6)
  /// Nothing was done for the stream: the request may be sent again.
  public static let refusedStream = HTTP2ErrorCode(rawValue: 0x7)
  /// Nobody wants the stream any more.
  public static let cancel = HTTP2ErrorCode(rawValue: 0x8)
  /// The state of header compression is lost.
  public static let compressionError = HTTP2ErrorCode(rawValue: 0x9)
  /// The peer asks too much.
  public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 0xb)
  /// The connection is not secure enough.
  public static let inadequateSecurity = HTTP2ErrorCode(rawValue: 0xc)
}
