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
  /// What a server that fails a call says of retries (`grpc-retry-pushback-ms`, gRFC A6); not sent
  /// with OK.
  public var pushback: RetryPushback?

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
    if code != .ok, let pushback {
      fields.append(HeaderField("grpc-retry-pushback-ms", String(pushback.milliseconds)))
    }
    metadata.append(to: &fields)
  }
}
