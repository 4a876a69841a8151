/// Where a client writes a call's requests; any number of tasks may write at once.
public struct RequestWriter<Message: WireMessage>: Sendable {
  let call: ClientCall

  /// Writes a message; waits first while the server is behind by more than the high-water mark.
  ///
  /// With `compresses` false the message is left as it is also when the call has an encoding: for
  /// one that holds a secret beside what others chose, whose length would tell of it (CRIME).
  ///
  /// - Throws: RESOURCE_EXHAUSTED for a message over the limit; when the call is over, its status,
  ///   or CANCELLED if that is OK, and the task's cancellation. The message is not written then.
  public nonisolated(nonsending) func write(
    _ message: Message, compresses: Bool = true
  ) async throws {
    try await call.write(message.encoded(as: "request"), compresses: compresses)
  }

  /// Tells the server that no more requests come. Harmless again.
  public func finish() {
    call.finishRequests()
  }
}
