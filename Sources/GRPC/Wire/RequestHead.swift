/// The head of a call, from a client to a server (PROTOCOL-HTTP2, "Request-Headers").
public struct RequestHead: Sendable, Hashable {
  /// `/service/method`.
  public var path: String
  /// The whole time the call may take; nil: any.
  public var timeout: Duration?
  /// The application's metadata, and `user-agent`.
  public var metadata: Metadata

  /// A head to send.
  public init(path: String, timeout: Duration? = nil, metadata: Metadata = Metadata()) {
    self.path = path
    self.timeout = timeout
    self.metadata = metadata
  }
}

/// Why a request is not a call, and how to answer it: trailers only, under an HTTP status.
public struct RequestRefusal: Error, Sendable, Hashable {
  /// The `:status` of the answer; 200 where gRPC's status says it all.
  public let httpStatus: Int
  /// The `grpc-status` and `grpc-message` of the answer.
  public let error: RPCError
}

extension RequestHead {
  /// Reads a received header block.
  ///
  /// - Throws: a refusal: 405 for another method than POST, 415 for a content type that is not
  ///   gRPC's, UNIMPLEMENTED for a message encoding other than identity, INTERNAL for a
  ///   `grpc-timeout` outside of its grammar or malformed metadata, RESOURCE_EXHAUSTED for more
  ///   metadata than the limit.
  public init(
    fields: some Collection<HeaderField>, limits: CallLimits = CallLimits()
  ) throws(RequestRefusal) {
    var method = ""
    var path = ""
    var contentType = ""
    var timeout: Duration?
    for field in fields {
      switch field.name {
      case ":method": method = field.value
      case ":path": path = field.value
      case "content-type": contentType = field.value
      case "grpc-timeout": timeout = try Self.timeout(field.value)
      case "grpc-encoding" where field.value != "identity":
        throw RequestRefusal(.unimplemented, "the message encoding is not supported; use identity")
      default: break
      }
    }
    guard method == "POST" else {
      throw RequestRefusal(.internal, "a call is a POST", httpStatus: 405)
    }
    guard ContentType.isGRPC(contentType) else {
      throw RequestRefusal(.internal, "the content-type is not application/grpc", httpStatus: 415)
    }
    self.path = path
    self.timeout = timeout
    do {
      metadata = try Metadata(fields: fields, limit: limits.maximumMetadata)
    } catch {
      throw RequestRefusal(httpStatus: 200, error: error)
    }
  }

  /// The header block to send. `scheme` is `http` or `https`; the authority names the server.
  public func fields(scheme: String, authority: String) -> [HeaderField] {
    var fields = [
      HeaderField(":method", "POST"), HeaderField(":scheme", scheme), HeaderField(":path", path),
      HeaderField(":authority", authority), HeaderField("te", "trailers"),
    ]
    if let timeout { fields.append(HeaderField("grpc-timeout", Timeout.format(timeout))) }
    fields.append(HeaderField("content-type", ContentType.value))
    metadata.append(to: &fields)
    return fields
  }

  private static func timeout(_ value: String) throws(RequestRefusal) -> Duration {
    guard let timeout = Timeout.parse(value) else {
      throw RequestRefusal(.internal, "grpc-timeout is not up to eight digits and a unit")
    }
    return timeout
  }
}

extension RequestRefusal {
  init(_ code: StatusCode, _ message: String, httpStatus: Int = 200) {
    self.init(httpStatus: httpStatus, error: RPCError(code, message))
  }
}

/// `application/grpc`, alone or with a subtype or parameters (PROTOCOL-HTTP2, "Content-Type").
enum ContentType {
  static let value = "application/grpc"

  static func isGRPC(_ candidate: String) -> Bool {
    let candidate = candidate.lowercased()
    guard candidate.hasPrefix(value) else { return false }
    switch candidate.dropFirst(value.count).first {
    case nil, "+", ";": return true
    default: return false
    }
  }
}
