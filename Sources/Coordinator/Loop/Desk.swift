internal import BackupModel
internal import CoordinatorCore
internal import GRPC
internal import Store

/// Where the services bring what they are asked, and wait for what is durable.
struct Desk: Sendable {
  let mailbox: Mailbox
  let stored: StoredSessions
  let clock: any CoordinatorClock

  /// Has the core decide a request. Throws the refusal's status.
  func ask(_ request: Request) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      do throws(RPCError) {
        try mailbox.post(.request(request) { continuation.resume(with: $0) })
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  /// Looks at the state. What `body` sees is durable.
  func read<Value: Sendable>(_ body: @escaping @Sendable (LoopView) -> Value) async throws -> Value
  {
    try await withCheckedThrowingContinuation { continuation in
      do throws(RPCError) {
        try mailbox.post(.read { view in continuation.resume(with: view.map(body)) })
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  /// A session, live or ended. Nil: there is none.
  func session(_ id: SessionID) async throws -> SessionReading? {
    if let live = try await read({ $0.session(id) }) { return live }
    return try await stored.reading(of: id)
  }
}
