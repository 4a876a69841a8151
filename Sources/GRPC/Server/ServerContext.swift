/// What a handler knows of its call beside the messages. Cancellation of the call, by the client or
/// by its deadline, is cancellation of the handler's task.
public struct ServerContext: Sendable {
  /// The method that is called.
  public var method: MethodDescriptor { call.method }
  /// The client's address as the transport names it.
  public var peer: String { call.peer }
  /// The client's metadata.
  public var metadata: Metadata { call.metadata }
  /// When the client stops waiting; nil: never.
  public var deadline: ContinuousClock.Instant? { call.deadline }

  let call: ServerCall

  /// Sends initial metadata now, rather than none with the first message. Only the first time
  /// counts: it goes once, and before any message.
  public func sendInitialMetadata(_ metadata: Metadata) {
    call.sendInitialMetadata(metadata)
  }

  /// Sets the metadata that goes with the status, whatever it becomes.
  public func setTrailingMetadata(_ metadata: Metadata) {
    call.setTrailingMetadata(metadata)
  }
}
