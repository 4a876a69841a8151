import CNGHTTP2

/// What ended a connection, or why a submission was refused.
public struct HTTP2Error: Error, Sendable, Equatable, CustomStringConvertible {
  /// What to tell the peer, if the connection is ended for it.
  public var code: HTTP2ErrorCode
  /// One sentence for a log.
  public var reason: String

  /// An error to end a connection, or refuse a submission, with.
  public init(code: HTTP2ErrorCode, reason: String) {
    self.code = code
    self.reason = reason
  }

  public var description: String { "HTTP/2: \(reason) (code \(code.rawValue))" }

  /// Names an error of nghttp2's, which are negative numbers.
  init(library number: Int) {
    let known = NGHTTP2Error(rawValue: number)
    self.init(code: known.code, reason: known.reason)
  }
}

/// An error number of the library.
struct NGHTTP2Error: RawRepresentable, Hashable {
  var rawValue: Int

  static let deferred = Int(NGHTTP2_ERR_DEFERRED.rawValue)
  static let temporalFailure = NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
  static let callbackFailure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

  var code: HTTP2ErrorCode {
    switch rawValue {
    case Int(NGHTTP2_ERR_FLOODED.rawValue): .enhanceYourCalm
    case Int(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue): .protocolError
    default: .internalError
    }
  }

  var reason: String {
    guard let number = Int32(exactly: rawValue) else { return "unknown failure" }
    return String(cString: nghttp2_strerror(number))
  }
}
