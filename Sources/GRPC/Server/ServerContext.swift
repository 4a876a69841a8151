/// What a handler knows of its call beside the messages. Cancellation of the call, by the client or
/// by its deadline, is cancellation of the handler's task.
public struct ServerContext: Sendable {
  /// The method that is called.
  public var method: MethodDescriptor { call.method }
  /// The client's address as the transport names it.
  public var peer: String { call.peer.address }
  /// Who the client has proven to be by its certificate; nil: it has shown none.
  public var peerIdentity: PeerIdentity? { call.peer.identity }
  /// The client's metadata, as the interceptors around leave it (`setMetadata(_:)`).
  public var metadata: Metadata { call.metadata }
  /// When the client stops waiting; nil: never.
  public var deadline: ContinuousClock.Instant? { call.deadline }

  /// How often the client has made the call before (`grpc-previous-rpc-attempts`, gRFC A6); zero, too,
  /// where it doesn't say so, or not in a number.
  public var previousAttempts: Int { Int(call.previousAttempts) }

  /// The message encodings that the client can read.
  public var acceptedEncodings: MessageEncodings { call.acceptedEncodings }

  /// Whether the message read last was compressed on its way; for gRPC's interop tests.
  package var lastRequestWasCompressed: Bool { call.readCompressed }

  let call: ServerCall

  /// The call that the current task serves: in its handler, in the handler's child tasks, and in
  /// tasks that those start with `Task {}`; nil elsewhere.
  ///
  /// Calls that a handler makes take over its deadline from here.
  @TaskLocal public static var current: ServerContext?

  /// Puts other metadata in the place of the client's, for whoever looks from now on: how an
  /// interceptor adds to what its handlers see, or keeps a secret such as a token from them.
  public func setMetadata(_ metadata: Metadata) {
    call.setMetadata(metadata)
  }

  /// Sends initial metadata now, rather than none with the first message. Only the first time
  /// counts: it goes once, and before any message.
  public func sendInitialMetadata(_ metadata: Metadata) {
    call.sendInitialMetadata(metadata)
  }

  /// Chooses how this call's responses are compressed, in place of `Router.responseEncoding`.
  ///
  /// Call it before initial metadata or a message is sent, which say the encoding.
  /// - Returns: false, and nothing has changed, when they were sent, or the client can't read it.
  @discardableResult
  public func setResponseEncoding(_ encoding: MessageEncoding) -> Bool {
    call.setResponseEncoding(encoding)
  }

  /// Sets the metadata that goes with the status, whatever it becomes.
  public func setTrailingMetadata(_ metadata: Metadata) {
    call.setTrailingMetadata(metadata)
  }

  /// Tells the client when to make the call again, or not to, should it fail (gRFC A6, "Pushback").
  ///
  /// A client heeds it whose policy retries calls of this method and status, in place of its own
  /// backoff, and only when no response has begun before.
  public func setRetryPushback(_ pushback: RetryPushback) {
    call.setRetryPushback(pushback)
  }
}
