/// How a call ended, in the eyes of an interceptor.
public struct CallOutcome: Sendable {
  /// The call's status, also where a deadline or the peer's going has ended it.
  public let code: StatusCode
  /// What was thrown; nil for a call that went well. At a server only an `RPCError` of it reaches
  /// the client; at a client the caller's own errors are among it.
  public let error: (any Error)?
  /// Messages that were read, the single request or response among them.
  public let messagesReceived: Int
  /// Messages that were written, likewise.
  public let messagesSent: Int
  /// Since the interceptors began; at a server, since the call came.
  public let duration: Duration

  /// An outcome; for tests of interceptors.
  public init(
    code: StatusCode, error: (any Error)? = nil, messagesReceived: Int = 0, messagesSent: Int = 0,
    duration: Duration = .zero
  ) {
    self.code = code
    self.error = error
    self.messagesReceived = messagesReceived
    self.messagesSent = messagesSent
    self.duration = duration
  }
}
