/// Reads the header blocks of responses, one after another, from their bytes: what is HTTP's or gRPC's
/// own never becomes a string, unless it is an error's text.
///
/// One for each connection: it remembers what the connection's responses have in common.
public struct ResponseReader: Sendable {
  /// What the block in progress has said so far.
  private struct Block {
    var httpStatus = 0
    var hasContentType = false
    var isGRPC = false
    /// Nil: one that is not known.
    var encoding: MessageEncoding? = .identity
    var status = Status.none
    var message = ""
    var details: [UInt8] = []
    var pushback: RetryPushback?
    /// As HTTP/2 counts a list's size (RFC 9113 §6.5.2).
    var size = 0
  }

  private enum Status {
    case none
    case number(Int)
    case malformed
  }

  private let limit: Int
  private var block = Block()
  private var metadata = MetadataReader()

  /// A reader that holds metadata to its limit.
  public init(limits: CallLimits = CallLimits()) {
    limit = limits.maximumMetadata
  }

  /// Takes the next field of a block; its name is in lower case (RFC 9113 §8.2.1).
  public mutating func read(name: Span<UInt8>, value: Span<UInt8>) {
    block.size += name.count + value.count + 32
    guard !name.isEmpty else { return }
    switch name.count {
    case 7 where name.equals(":status"):
      block.httpStatus = value.decimal ?? 0
    case 11 where name.equals("grpc-status"):
      block.status = value.decimal.map(Status.number) ?? .malformed
    case 12 where name.equals("content-type"):
      if !block.hasContentType { block.isGRPC = ContentType.isGRPC(value) }
      block.hasContentType = true
    case 12 where name.equals("grpc-message"): block.message = PercentEncoding.decode(value.text)
    case 13 where name.equals("grpc-encoding"): block.encoding = MessageEncoding(name: value)
    case 22 where name.equals("grpc-retry-pushback-ms"):
      block.pushback = RetryPushback(value.text)
    case 23 where name.equals("grpc-status-details-bin"):
      block.details = Base64.decode(value.text.utf8) ?? []
    default:
      guard block.size <= limit, !RequestHeadReader.belongsToProtocol(name) else { return }
      metadata.append(name: name, value: value)
    }
  }

  /// Drops the block if it is an informational answer, which goes before the real one
  /// (RFC 9110 §15.2); answers whether it was.
  public mutating func dropInformational() -> Bool {
    guard (100..<200).contains(block.httpStatus) else { return false }
    drop()
    return true
  }

  /// The head that the fields since the last block make; they do not end the stream.
  ///
  /// - Throws: the status that the block stands for, when it is not a gRPC response: by
  ///   "HTTP to gRPC Status Code Mapping", or for malformed or too large metadata; INTERNAL for a
  ///   message encoding that is not known.
  public mutating func finishHead() throws(RPCError) -> ResponseHead {
    defer { drop() }
    try checkIsGRPC()
    guard let encoding = block.encoding else {
      throw RPCError(.internal, "the server uses a message encoding that was not offered")
    }
    return ResponseHead(metadata: try finishMetadata(), encoding: encoding)
  }

  /// The end that the fields since the last block make; never fails, since whatever a peer sends as
  /// its last word is some end of the call. `isTrailersOnly`: no header block came before it.
  public mutating func finishTrailers(isTrailersOnly: Bool) -> ResponseTrailers {
    defer { drop() }
    do {
      return try trailers(isTrailersOnly)
    } catch {
      return ResponseTrailers(error)
    }
  }

  private mutating func trailers(_ isTrailersOnly: Bool) throws(RPCError) -> ResponseTrailers {
    switch block.status {
    case .none:
      if isTrailersOnly { try checkIsGRPC() }
      throw RPCError(.unknown, "the server ended the call without a status")
    case .malformed:
      throw RPCError(.unknown, "the server ended the call with a status that is not a number")
    case .number(let number):
      var trailers = ResponseTrailers(metadata: try finishMetadata())
      trailers.code = StatusCode(rawValue: number)
      trailers.message = block.message
      trailers.details = block.details
      trailers.pushback = block.pushback
      return trailers
    }
  }

  private func checkIsGRPC() throws(RPCError) {
    guard block.httpStatus == 200 else {
      throw RPCError(
        StatusCode(httpStatus: block.httpStatus),
        "the server answered with the HTTP status \(block.httpStatus)")
    }
    guard block.isGRPC else {
      throw RPCError(.unknown, "the server answered with a content-type that is not gRPC's")
    }
  }

  private mutating func finishMetadata() throws(RPCError) -> Metadata {
    guard block.size <= limit else {
      throw RPCError(.resourceExhausted, "metadata is larger than \(limit) bytes")
    }
    return try metadata.finish()
  }

  private mutating func drop() {
    block = Block()
    metadata.drop()
  }
}

extension ResponseHead {
  /// Reads a received header block, as a `ResponseReader` does.
  public init(
    fields: some Collection<HeaderField>, limits: CallLimits = CallLimits()
  ) throws(RPCError) {
    var reader = ResponseReader(limits: limits)
    reader.read(fields)
    self = try reader.finishHead()
  }
}

extension ResponseTrailers {
  /// Reads a received block that ends the stream, as a `ResponseReader` does.
  public init(
    fields: some Collection<HeaderField>, isTrailersOnly: Bool, limits: CallLimits = CallLimits()
  ) {
    var reader = ResponseReader(limits: limits)
    reader.read(fields)
    self = reader.finishTrailers(isTrailersOnly: isTrailersOnly)
  }
}

extension ResponseReader {
  fileprivate mutating func read(_ fields: some Collection<HeaderField>) {
    for field in fields {
      read(name: Array(field.name.utf8).span, value: Array(field.value.utf8).span)
    }
  }
}
