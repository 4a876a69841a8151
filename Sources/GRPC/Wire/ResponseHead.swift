/// The head of a response, from a server to a client (PROTOCOL-HTTP2, "Response-Headers").
public struct ResponseHead: Sendable, Hashable {
  /// The application's initial metadata.
  public var metadata: Metadata
  /// How the response's messages are compressed, those that are.
  public var encoding: MessageEncoding

  /// A head to send.
  public init(metadata: Metadata = Metadata(), encoding: MessageEncoding = .identity) {
    self.metadata = metadata
    self.encoding = encoding
  }

  /// Reads a received header block that does not end the stream.
  ///
  /// - Throws: the status that the block stands for, when it is not a gRPC response: by
  ///   "HTTP to gRPC Status Code Mapping", or for malformed or too large metadata; INTERNAL for a
  ///   message encoding that is not known.
  public init(
    fields: some Collection<HeaderField>, limits: CallLimits = CallLimits()
  ) throws(RPCError) {
    try Self.checkIsGRPC(fields)
    encoding = .identity
    for field in fields where field.name == "grpc-encoding" {
      guard let known = MessageEncoding(name: Array(field.value.utf8).span) else {
        throw RPCError(.internal, "the server uses a message encoding that was not offered")
      }
      encoding = known
    }
    metadata = try Metadata(fields: fields, limit: limits.maximumMetadata)
  }

  /// Whether there is nothing in it but what every head has.
  public var isPlain: Bool { metadata.isEmpty && encoding == .identity }

  /// The header block to send.
  public var fields: [HeaderField] {
    var fields = [HeaderField(":status", "200"), HeaderField("content-type", ContentType.value)]
    if encoding != .identity { fields.append(HeaderField("grpc-encoding", encoding.name)) }
    fields.append(HeaderField("grpc-accept-encoding", MessageEncodings.supported.names))
    metadata.append(to: &fields)
    return fields
  }

  static func checkIsGRPC(_ fields: some Collection<HeaderField>) throws(RPCError) {
    let status = fields.first { $0.name == ":status" }?.value ?? ""
    guard status == "200" else {
      let number = Int(status) ?? 0
      throw RPCError(
        StatusCode(httpStatus: number), "the server answered with the HTTP status \(number)")
    }
    guard let type = fields.first(where: { $0.name == "content-type" }),
      ContentType.isGRPC(type.value)
    else {
      throw RPCError(.unknown, "the server answered with a content-type that is not gRPC's")
    }
  }
}

/// The end of a response: the status, and the application's trailing metadata
/// (PROTOCOL-HTTP2, "Trailers" and "Trailers-Only").
public struct ResponseTrailers: Sendable, Hashable {
  /// How the call ended.
  public var code: StatusCode
  /// The status' sentence; empty when there is none.
  public var message: String
  /// A serialized `google.rpc.Status`; empty when there is none.
  public var details: [UInt8]
  /// The application's trailing metadata.
  public var metadata: Metadata
  /// What a server that fails a call says of retries (`grpc-retry-pushback-ms`, gRFC A6); received
  /// only.
  public internal(set) var pushback: RetryPushback?

  /// The end of a call that succeeded.
  public init(metadata: Metadata = Metadata()) {
    code = .ok
    message = ""
    details = []
    self.metadata = metadata
  }

  /// The end of a call that failed; the error's metadata goes after `metadata`.
  public init(_ error: RPCError, metadata: Metadata = Metadata()) {
    code = error.code == .ok ? .unknown : error.code
    message = error.message
    details = error.details
    self.metadata = metadata
    self.metadata.append(contentsOf: error.metadata)
  }

  /// Whether the call has succeeded, with no metadata.
  public var isPlain: Bool {
    code == .ok && metadata.isEmpty && message.isEmpty && details.isEmpty
  }

  /// The error that the caller gets; nil when the call succeeded.
  public var error: RPCError? {
    code == .ok ? nil : RPCError(code, message, metadata: metadata, details: details)
  }
}

extension ResponseTrailers {
  /// Reads a received block that ends the stream; never fails, since whatever a peer sends as its
  /// last word is some end of the call. `isTrailersOnly`: no header block came before it.
  public init(
    fields: some Collection<HeaderField>, isTrailersOnly: Bool, limits: CallLimits = CallLimits()
  ) {
    do {
      try self.init(reading: fields, isTrailersOnly: isTrailersOnly, limits: limits)
    } catch {
      self.init(error)
    }
  }

  private init(
    reading fields: some Collection<HeaderField>, isTrailersOnly: Bool, limits: CallLimits
  ) throws(RPCError) {
    var status: String?
    message = ""
    details = []
    for field in fields {
      switch field.name {
      case "grpc-status": status = field.value
      case "grpc-message": message = PercentEncoding.decode(field.value)
      case "grpc-retry-pushback-ms": pushback = RetryPushback(field.value)
      case "grpc-status-details-bin": details = Base64.decode(field.value.utf8) ?? []
      default: break
      }
    }
    guard let status else {
      if isTrailersOnly { try ResponseHead.checkIsGRPC(fields) }
      throw RPCError(.unknown, "the server ended the call without a status")
    }
    guard status.utf8.count <= 9, status.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int(status)
    else {
      throw RPCError(.unknown, "the server ended the call with a status that is not a number")
    }
    code = StatusCode(rawValue: number)
    metadata = try Metadata(fields: fields, limit: limits.maximumMetadata)
  }

  /// The block to send after a header block.
  public var fields: [HeaderField] {
    var fields: [HeaderField] = []
    appendFields(to: &fields)
    return fields
  }

  /// The one block to send when no header block went before it.
  public func fieldsOnly(httpStatus: Int = 200) -> [HeaderField] {
    var fields = [
      HeaderField(":status", String(httpStatus)), HeaderField("content-type", ContentType.value),
    ]
    appendFields(to: &fields)
    return fields
  }

  private func appendFields(to fields: inout [HeaderField]) {
    fields.append(HeaderField("grpc-status", String(code.rawValue)))
    if !message.isEmpty {
      fields.append(HeaderField("grpc-message", PercentEncoding.encode(message)))
    }
    if !details.isEmpty {
      fields.append(HeaderField("grpc-status-details-bin", Base64.encode(details)))
    }
    metadata.append(to: &fields)
  }
}
