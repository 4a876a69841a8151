internal import BackupModel
internal import CoordinatorCore
internal import GRPC
internal import Synchronization

/// What is to be said on one connection of a worker: bounded; a worker that does not read is disconnected, and
/// attaches again.
final class WorkerConnection: Sendable {
  private struct State {
    var waiting: [WorkerMessage.Content] = []
    var registered: (epoch: Int, lease: Duration)?
    var end: RPCError?
  }

  let id: ConnectionID
  private let state = Mutex(State())
  private let change = Signal()
  private static let limit = 4096

  init(id: ConnectionID) { self.id = id }

  /// The term that this connection was registered in, and its leases' duration. Nil: it has not been yet.
  var registered: (epoch: Int, lease: Duration)? { state.withLock { $0.registered } }

  func say(_ content: WorkerMessage.Content) {
    state.withLock { state in
      guard state.end == nil else { return }
      if case .registered(let epoch, let lease, _) = content { state.registered = (epoch, lease) }
      if case .disconnect(let reason) = content {
        state.end = RPCError(reason)
      } else if state.waiting.count < Self.limit {
        state.waiting.append(content)
      } else {
        state.end = RPCError(.unavailable, "the worker does not read what it is told")
      }
    }
    change.raise()
  }

  func close(_ error: RPCError) {
    state.withLock { $0.end = $0.end ?? error }
    change.raise()
  }

  /// What is to be said next, in order. Throws how the connection ends, after everything before it was said.
  func next() async throws -> [WorkerMessage.Content] {
    while true {
      try Task.checkCancellation()
      let (messages, end) = state.withLock { state in
        let messages = state.waiting
        state.waiting = []
        return (messages, state.end)
      }
      if !messages.isEmpty { return messages }
      if let end { throw end }
      await change.wait()
    }
  }
}

/// The connections that are open, and the way from the loop to them.
final class WorkerConnections: Sendable {
  private struct State {
    var last: UInt64 = 0
    var open: [ConnectionID: WorkerConnection] = [:]
  }

  private let state = Mutex(State())

  func open() -> WorkerConnection {
    state.withLock { state in
      state.last += 1
      let connection = WorkerConnection(id: ConnectionID(rawValue: state.last))
      state.open[connection.id] = connection
      return connection
    }
  }

  func forget(_ connection: WorkerConnection) {
    state.withLock { $0.open[connection.id] = nil }
  }

  func send(_ messages: [WorkerMessage]) {
    for message in messages {
      state.withLock { $0.open[message.connection] }?.say(message.content)
    }
  }

  func closeAll(_ error: RPCError) {
    let open = state.withLock { state in
      state.open.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value)
    }
    for connection in open { connection.close(error) }
  }
}
