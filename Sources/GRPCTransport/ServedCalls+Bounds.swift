import GRPC
import HTTP2

/// What a connection may cost beside its flow-control windows.
struct ServedBounds: Sendable {
  /// Handlers that may run on when their streams are over.
  let abandonedHandlers: Int
  /// Bytes held for calls.
  let memory: Int

  init(_ configuration: ServerConfiguration) {
    abandonedHandlers = Int(configuration.connections.concurrentStreams)
    memory = configuration.connectionMemory
  }
}

extension ServedCalls {
  /// Whether one more call may begin. If not, its stream is refused.
  func hasRoom(_ link: HTTP2Link<ServedCalls>) -> Bool {
    if registry.memory.isExceeded || memory.isNearlyFull {
      if memory.isStale { countMemory(link) }
      if registry.memory.isExceeded || memory.isNearlyFull { return false }
    }
    return abandoned.isBelow(bounds.abandonedHandlers)
  }

  /// Bytes of calls have come, or were written.
  func move(_ bytes: Int, _ link: HTTP2Link<ServedCalls>) {
    if memory.move(bytes) { countMemory(link) }
  }

  /// The connection is gone: it holds nothing.
  func releaseMemory() { note(0) }

  private func countMemory(_ link: HTTP2Link<ServedCalls>) {
    keepBounds()
    if registry.memory.isExceeded { registry.reclaimMemory() }
  }

  /// Counts what is held; while it is too much, ends the call that holds most.
  func keepBounds() {
    var held = 0
    for stream in streams { held += stream?.heldBytes ?? 0 }
    note(held)
    guard let allowed = allowedMemory, held > allowed else { return }
    var holders: [(stream: ServedStream, bytes: Int)] = []
    for case let stream? in streams { holders.append((stream, stream.heldBytes)) }
    holders.sort { $0.bytes > $1.bytes }
    for holder in holders {
      guard let allowed = allowedMemory, held > allowed else { return }
      holder.stream.giveUp(Self.outOfMemory)
      held += holder.stream.heldBytes - holder.bytes
      note(held)
    }
  }

  /// What the connection may hold now; nil: what it does.
  private var allowedMemory: Int? {
    if registry.memory.isExceeded {
      return min(memory.limit, registry.memory.share(among: registry.count))
    }
    return memory.isExceeded ? memory.limit : nil
  }

  private func note(_ held: Int) {
    registry.memory.change(by: memory.count(held))
  }

  private static let outOfMemory = RPCError(
    .resourceExhausted, "the server's calls hold more memory than they may; try again later")
}

extension ServedConnections {
  /// Has every connection count what it holds, also those where nothing moves, and end what is
  /// beyond its share.
  func reclaimMemory() {
    guard memory.beginReclaiming() else { return }
    let links = links
    guard let last = links.last else { return memory.endReclaiming() }
    for link in links { link.hop { $0.role.keepBounds() } }
    // The others may still be at it; what matters is that reclaiming does not pile up.
    last.hop { $0.role.registry.memory.endReclaiming() }
  }
}
