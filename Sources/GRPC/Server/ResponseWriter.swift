/// Where a handler writes its messages; any number of tasks may write at once.
public struct ResponseWriter<Message: WireMessage>: Sendable {
  let call: ServerCall

  /// Writes a message; waits first while the client is behind by more than the high-water mark.
  ///
  /// With `compresses` false the message is left as it is also when the call has an encoding: for
  /// one that holds a secret beside what others chose, whose length would tell of it (CRIME).
  ///
  /// - Throws: RESOURCE_EXHAUSTED for a message over the limit, CancellationError when the call is
  ///   over or the task is cancelled; the message is not written then.
  public nonisolated(nonsending) func write(
    _ message: Message, compresses: Bool = true
  ) async throws {
    try await call.write(message.encoded(as: "response"), compresses: compresses)
  }
}
