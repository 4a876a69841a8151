/// A call's end that is not OK: what a handler throws and what a caller catches.
///
/// All of it reaches the peer, so it must hold nothing that is not the peer's to know.
public struct RPCError: Error, Sendable, Hashable {
  /// Never `.ok` when thrown by this library; `.ok` thrown by a handler is sent as UNKNOWN.
  public var code: StatusCode
  /// A sentence for a developer, in any characters; sent percent-encoded.
  public var message: String
  /// The trailing metadata that came, or goes, with the error.
  public var metadata: Metadata
  /// A serialized `google.rpc.Status` for `grpc-status-details-bin`; empty: none.
  public var details: [UInt8]

  /// An error with a code and a sentence; metadata and details where there are any.
  public init(
    _ code: StatusCode, _ message: String = "", metadata: Metadata = Metadata(),
    details: [UInt8] = []
  ) {
    self.code = code
    self.message = message
    self.metadata = metadata
    self.details = details
  }
}

extension RPCError: CustomStringConvertible {
  /// `NOT_FOUND: no such job`.
  public var description: String {
    message.isEmpty ? code.description : "\(code): \(message)"
  }
}

extension RPCError {
  static let deadlineExceeded = RPCError(.deadlineExceeded, "the deadline passed")
  static let cancelled = RPCError(.cancelled, "the call was cancelled")
  static let noSuchMethod = RPCError(.unimplemented, "there is no such method")
}
