/// How a call ended, as a number (gRPC "Status codes and their use in gRPC").
///
/// Not an enum: a peer may send a number that this library does not know, and it is kept.
public struct StatusCode: RawRepresentable, Hashable, Sendable {
  /// The number in `grpc-status`.
  public let rawValue: Int

  /// Any number is a code; those that the protocol names have constants.
  public init(rawValue: Int) {
    self.rawValue = rawValue
  }

  /// Not an error.
  public static let ok = StatusCode(rawValue: 0)
  /// The caller gave the call up.
  public static let cancelled = StatusCode(rawValue: 1)
  /// An error of which nothing more may be said.
  public static let unknown = StatusCode(rawValue: 2)
  /// The request is wrong whatever the state of the system.
  public static let invalidArgument = StatusCode(rawValue: 3)
  /// The deadline passed before the call ended.
  public static let deadlineExceeded = StatusCode(rawValue: 4)
  /// What the request names does not exist.
  public static let notFound = StatusCode(rawValue: 5)
  /// What the request would make exists.
  public static let alreadyExists = StatusCode(rawValue: 6)
  /// The caller is known, and may not do this.
  public static let permissionDenied = StatusCode(rawValue: 7)
  /// A limit or quota is reached.
  public static let resourceExhausted = StatusCode(rawValue: 8)
  /// The system is not in the state that the request needs.
  public static let failedPrecondition = StatusCode(rawValue: 9)
  /// Lost against a concurrent change; try the whole again.
  public static let aborted = StatusCode(rawValue: 10)
  /// Past the end of what can be addressed.
  public static let outOfRange = StatusCode(rawValue: 11)
  /// The method does not exist here, or is not built.
  public static let unimplemented = StatusCode(rawValue: 12)
  /// Something that must hold does not: a broken peer or a broken server.
  public static let `internal` = StatusCode(rawValue: 13)
  /// Not now; the same request may succeed later.
  public static let unavailable = StatusCode(rawValue: 14)
  /// Data is lost or damaged for good.
  public static let dataLoss = StatusCode(rawValue: 15)
  /// The caller is not known.
  public static let unauthenticated = StatusCode(rawValue: 16)

  private static let names = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  ]
}

extension StatusCode: CustomStringConvertible {
  /// The protocol's name, such as `NOT_FOUND`; `CODE_99` for a number without one.
  public var description: String {
    Self.names.indices.contains(rawValue) ? Self.names[rawValue] : "CODE_\(rawValue)"
  }
}

extension StatusCode {
  /// The code that stands for an HTTP status in a response that is not gRPC's
  /// (gRPC "HTTP to gRPC Status Code Mapping").
  public init(httpStatus: Int) {
    switch httpStatus {
    case 400: self = .internal
    case 401: self = .unauthenticated
    case 403: self = .permissionDenied
    case 404: self = .unimplemented
    case 429, 502, 503, 504: self = .unavailable
    default: self = .unknown
    }
  }

  /// The code that stands for the reset of a stream by the peer
  /// (PROTOCOL-HTTP2, "HTTP2 Transport Mapping: Errors"; codes of RFC 9113 §7).
  public init(http2ErrorCode: UInt32) {
    switch http2ErrorCode {
    case 0x7: self = .unavailable  // REFUSED_STREAM
    case 0x8: self = .cancelled  // CANCEL
    case 0xb: self = .resourceExhausted  // ENHANCE_YOUR_CALM
    case 0xc: self = .permissionDenied  // INADEQUATE_SECURITY
    default: self = .internal
    }
  }
}
