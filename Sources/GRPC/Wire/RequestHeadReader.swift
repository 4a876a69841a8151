/// Reads the header blocks that begin calls, one after another, from their bytes: what is HTTP's or
/// gRPC's own never becomes a string, and a known path becomes its route.
///
/// One for each connection: it remembers what the connection's calls have in common.
public struct RequestHeadReader: Sendable {
  /// What the block in progress has said so far.
  private struct Block {
    var isPost = false
    var isGRPC = false
    var timeout: Duration?
    var encoding = MessageEncoding.identity
    var acceptedEncodings = MessageEncodings.identity
    var previousAttempts = 0
    var route: Route?
    /// Of a path that has no route.
    var path = ""
    /// As HTTP/2 counts a list's size (RFC 9113 §6.5.2).
    var size = 0
    /// The first fault in the order of the fields.
    var refusal: RequestRefusal?
  }

  private let router: Router
  private let limit: Int
  private var block = Block()
  private var metadata = MetadataReader()

  /// A reader for calls to a router's methods.
  public init(router: Router, limits: CallLimits) {
    self.router = router
    limit = limits.maximumMetadata
  }

  /// Takes the next field of a block; its name is in lower case (RFC 9113 §8.2.1).
  public mutating func read(name: Span<UInt8>, value: Span<UInt8>) {
    block.size += name.count + value.count + 32
    guard block.size <= limit, !name.isEmpty else { return }
    switch name.count {
    case 5 where name.equals(":path"): readPath(value)
    case 7 where name.equals(":method"): block.isPost = value.equals("POST")
    case 7 where name.equals(":scheme"): checkScheme(value)
    case 12 where name.equals("content-type"): block.isGRPC = ContentType.isGRPC(value)
    case 12 where name.equals("grpc-timeout"): readTimeout(value)
    case 13 where name.equals("grpc-encoding"): readEncoding(value)
    case 20 where name.equals("grpc-accept-encoding"):
      block.acceptedEncodings.formUnion(MessageEncodings(names: value))
    case 26 where name.equals("grpc-previous-rpc-attempts"):
      // gRFC A6 does not say what becomes of another value; nothing depends on it but statistics.
      block.previousAttempts = value.decimal ?? 0
    default:
      if !Self.belongsToProtocol(name) { metadata.append(name: name, value: value) }
    }
  }

  /// The head that the fields since the last `finish` make.
  ///
  /// - Throws: a refusal: 405 for another method than POST, 415 for a content type that is not
  ///   gRPC's, 400 for a scheme that is neither `http` nor `https`, UNIMPLEMENTED for a message encoding that is not known (the answer names those
  ///   that are), INTERNAL for a `grpc-timeout` outside of its grammar or malformed metadata,
  ///   RESOURCE_EXHAUSTED for more metadata than the limit.
  public mutating func finish() throws(RequestRefusal) -> RequestHead {
    defer {
      block = Block()
      metadata.drop()
    }
    guard block.size <= limit else {
      throw RequestRefusal(.resourceExhausted, "metadata is larger than \(limit) bytes")
    }
    guard block.isPost else {
      throw RequestRefusal.notPost
    }
    guard block.isGRPC else {
      throw RequestRefusal(.internal, "the content-type is not application/grpc", httpStatus: 415)
    }
    if let refusal = block.refusal { throw refusal }
    do {
      let path = block.route?.method.path ?? block.path
      var head = RequestHead(
        path: path, timeout: block.timeout, metadata: try metadata.finish(),
        encoding: block.encoding, acceptedEncodings: block.acceptedEncodings)
      head.previousAttempts = block.previousAttempts
      head.route = block.route
      return head
    } catch {
      throw RequestRefusal(httpStatus: 200, error: error)
    }
  }

  /// Makes a head that of a block in which one field's value is another: the path, or the timeout.
  ///
  /// False: it is another field, or not as it should be, so that the whole block has to be read.
  public func amend(_ head: inout RequestHead, name: Span<UInt8>, value: Span<UInt8>) -> Bool {
    switch name.count {
    case 5 where name.equals(":path"):
      guard let route = router.route(path: value) else { return false }
      head.route = route
      head.path = route.method.path
    case 12 where name.equals("grpc-timeout"):
      guard let timeout = Timeout.parse(value) else { return false }
      head.timeout = timeout
    default: return false
    }
    return true
  }

  private mutating func readPath(_ value: Span<UInt8>) {
    block.route = router.route(path: value)
    block.path = block.route == nil ? value.text : ""
  }

  /// Either is taken, whatever the connection is: a proxy that ends TLS leaves `https` as it was.
  private mutating func checkScheme(_ value: Span<UInt8>) {
    if !value.equals("http"), !value.equals("https") { refuse(.unknownScheme) }
  }

  private mutating func readTimeout(_ value: Span<UInt8>) {
    block.timeout = Timeout.parse(value)
    guard block.timeout == nil else { return }
    refuse(RequestRefusal(.internal, "grpc-timeout is not up to eight digits and a unit"))
  }

  private mutating func readEncoding(_ value: Span<UInt8>) {
    if let encoding = MessageEncoding(name: value) {
      block.encoding = encoding
    } else {
      refuse(.unknownEncoding)
    }
  }

  private mutating func refuse(_ refusal: RequestRefusal) {
    if block.refusal == nil { block.refusal = refusal }
  }

  /// As `Metadata.isReserved`, and HTTP/2's pseudo-fields.
  static func belongsToProtocol(_ name: Span<UInt8>) -> Bool {
    switch name.count {
    case 2: return name.equals("te")
    case 4: return name.equals("host")
    case 7 where name.equals("upgrade"): return true
    case 10 where name.equals("connection") || name.equals("keep-alive"): return true
    case 14 where name.equals("content-length"): return true
    case 16 where name.equals("proxy-connection"): return true
    case 17 where name.equals("transfer-encoding"): return true
    default: return name[0] == UInt8(ascii: ":") || name.begins(with: "grpc-")
    }
  }
}
