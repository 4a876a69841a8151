/// How one call is made.
public struct CallOptions: Sendable, Hashable {
  /// The whole time for the call, connecting and retries among it; nil: any. After it the call ends with
  /// DEADLINE_EXCEEDED, and the server is told the time that is left when the call goes out.
  public var timeout: Duration?
  /// Goes with the request.
  public var metadata = Metadata()
  /// Whether the call waits for a server that can't be reached, rather than fail with UNAVAILABLE
  /// (gRPC "Wait for Ready Semantics").
  public var waitsForReady = false
  /// How requests are compressed; responses come in whatever this library reads. A server that does
  /// not know the encoding answers UNIMPLEMENTED, so that the default is not to compress.
  public var requestEncoding = MessageEncoding.identity

  /// Keeps the metadata of the answer; nil: nobody asks for it.
  public var received: ReceivedMetadata?

  /// No deadline, no metadata, no waiting.
  public init() {}

  /// No metadata, no waiting, and a deadline.
  public init(timeout: Duration) {
    self.timeout = timeout
  }
}
