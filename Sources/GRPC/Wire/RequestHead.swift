/// The head of a call, from a client to a server (PROTOCOL-HTTP2, "Request-Headers").
public struct RequestHead: Sendable {
  /// `/service/method`.
  public var path: String
  /// The whole time the call may take; nil: any.
  public var timeout: Duration?
  /// The application's metadata, and `user-agent`.
  public var metadata: Metadata
  /// How the request's messages are compressed, those that are.
  public var encoding: MessageEncoding
  /// What the client can read.
  public var acceptedEncodings: MessageEncodings
  /// How often the call was made before (`grpc-previous-rpc-attempts`, gRFC A6).
  public var previousAttempts = 0
  /// What answers the path, if that was looked up already; not a part of the head's value.
  var route: Route?

  /// A head to send.
  public init(
    path: String, timeout: Duration? = nil, metadata: Metadata = Metadata(),
    encoding: MessageEncoding = .identity, acceptedEncodings: MessageEncodings = .identity
  ) {
    self.path = path
    self.timeout = timeout
    self.metadata = metadata
    self.encoding = encoding
    self.acceptedEncodings = acceptedEncodings
  }
}

/// Why a request is not a call, and how to answer it: trailers only, under an HTTP status.
public struct RequestRefusal: Error, Sendable, Hashable {
  /// The `:status` of the answer; 200 where gRPC's status says it all.
  public let httpStatus: Int
  /// The `grpc-status` and `grpc-message` of the answer.
  public let error: RPCError
}

extension RequestHead: Hashable {
  /// By all that is sent.
  public static func == (one: Self, other: Self) -> Bool {
    one.path == other.path && one.timeout == other.timeout && one.metadata == other.metadata
      && one.previousAttempts == other.previousAttempts && one.encoding == other.encoding
      && one.acceptedEncodings == other.acceptedEncodings
  }

  /// By path, timeout and metadata.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(path)
    hasher.combine(timeout)
    hasher.combine(metadata)
  }
}

extension RequestHead {
  /// Reads a received header block, as a `RequestHeadReader` does.
  public init(
    fields: some Collection<HeaderField>, limits: CallLimits = CallLimits()
  ) throws(RequestRefusal) {
    var reader = RequestHeadReader(router: Router(), limits: limits)
    for field in fields {
      reader.read(name: Array(field.name.utf8).span, value: Array(field.value.utf8).span)
    }
    self = try reader.finish()
  }

  /// The header block to send. `scheme` is `http` or `https`; the authority names the server.
  public func fields(scheme: String, authority: String) -> [HeaderField] {
    var fields: [HeaderField] = []
    forEachField(scheme: scheme, authority: authority) { fields.append(HeaderField($0, $1)) }
    return fields
  }

  /// Calls `body` with each field of `fields(scheme:authority:)`, its name and value, in order.
  public func forEachField(
    scheme: String, authority: String, _ body: (_ name: String, _ value: String) -> Void
  ) {
    body(":method", "POST")
    body(":scheme", scheme)
    body(":path", path)
    body(":authority", authority)
    body("te", "trailers")
    if let timeout { body("grpc-timeout", Timeout.format(timeout)) }
    body("content-type", ContentType.value)
    if encoding != .identity { body("grpc-encoding", encoding.name) }
    if acceptedEncodings != .identity { body("grpc-accept-encoding", acceptedEncodings.names) }
    if previousAttempts > 0 { body("grpc-previous-rpc-attempts", String(previousAttempts)) }
    metadata.forEachField(body)
  }
}

extension RequestRefusal {
  /// With the `allow` that HTTP asks for (RFC 9110 §15.5.6).
  static let notPost: RequestRefusal = {
    var error = RPCError(.internal, "a call is a POST")
    error.metadata.appendUnchecked("allow", .text("POST"))
    return RequestRefusal(httpStatus: 405, error: error)
  }()

  /// HTTP 400, which gRPC's mapping of HTTP statuses makes INTERNAL.
  static let unknownScheme = RequestRefusal(
    .internal, "the :scheme is neither http nor https", httpStatus: 400)

  /// It says which encodings are known (gRPC "Compression").
  static let unknownEncoding: RequestRefusal = {
    let names = MessageEncodings.supported.names
    var error = RPCError(.unimplemented, "the message encoding is not known; use one of \(names)")
    error.metadata.appendUnchecked("grpc-accept-encoding", .text(names))
    return RequestRefusal(httpStatus: 200, error: error)
  }()

  init(_ code: StatusCode, _ message: String, httpStatus: Int = 200) {
    self.init(httpStatus: httpStatus, error: RPCError(code, message))
  }
}

/// `application/grpc`, alone or with a subtype or parameters (PROTOCOL-HTTP2, "Content-Type").
enum ContentType {
  static let value = "application/grpc"

  static func isGRPC(_ candidate: String) -> Bool {
    isGRPC(Array(candidate.utf8).span)
  }

  static func isGRPC(_ candidate: Span<UInt8>) -> Bool {
    let length = value.utf8.count
    guard candidate.count >= length else { return false }
    if !candidate.begins(with: "application/grpc") {
      let own = value.utf8.span
      for index in 0..<length where candidate[index] | 0x20 != own[index] | 0x20 { return false }
    }
    guard candidate.count > length else { return true }
    return candidate[length] == UInt8(ascii: "+") || candidate[length] == UInt8(ascii: ";")
  }
}
