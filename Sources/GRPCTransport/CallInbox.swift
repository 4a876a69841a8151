import GRPC
import Synchronization

/// Calls on their way from other threads to their client's loop, which is woken once for all that have
/// come until it looks.
final class CallInbox: Sendable {
  private let connector: ClientConnector
  private let calls = Mutex<[ClientCall]>([])

  init(_ connector: ClientConnector) { self.connector = connector }

  func put(_ call: ClientCall) {
    let isFirst = calls.withLock { calls in
      calls.append(call)
      return calls.count == 1
    }
    if isFirst { connector.eventLoop.execute { self.empty() } }
  }

  private func empty() {
    var taken: [ClientCall] = []
    calls.withLock { swap(&$0, &taken) }
    for call in taken { connector.start(call) }
    taken.removeAll(keepingCapacity: true)
    // The storage is used again, unless more calls have come meanwhile.
    calls.withLock { if $0.isEmpty, $0.capacity < taken.capacity { swap(&$0, &taken) } }
  }
}
