import GRPC
import HTTP2
import NIOCore
import Synchronization

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
      if memory.isStale { keepBounds() }
      if registry.memory.isExceeded {
        registry.reclaimMemory(at: link.time)
        return false
      }
      if memory.isNearlyFull { return false }
    }
    return !abandoned.isFull
  }

  /// Ends the calls whose clients do not get on with their requests.
  func look(at now: NIODeadline, _ rules: ProgressRules, on link: HTTP2Link<ServedCalls>) {
    // Other calls of the connection may have used its window up, and their handlers not read.
    let isHeldUp = link.session.receiveWindow < Self.leastWindow
    for case let stream? in streams
    where stream.hasStalled(at: now, rules, isHeldUp: isHeldUp) {
      stream.giveUp(Self.tooSlow)
    }
  }

  /// A client may wait for room for a whole frame.
  private static var leastWindow: Int { 16 << 10 }

  private static let tooSlow = RPCError(.deadlineExceeded, "the request comes too slowly")

  /// A call has begun, with so many bytes of headers.
  func begun(_ stream: ServedStream, headBytes: Int) {
    stream.ownBytes = Self.callOverhead + 2 * headBytes
    if memory.open(stream.ownBytes) { keepBounds() }
  }

  /// Of a call and its handler, about; headers of 7 KiB were seen to take 8 to 15 KiB.
  private static var callOverhead: Int { 4 << 10 }

  /// Bytes of calls have come, or were written.
  func move(_ bytes: Int, _ link: HTTP2Link<ServedCalls>) {
    if memory.move(bytes) { keepBounds() }
  }

  /// The connection is gone: it holds nothing.
  func releaseMemory() { note(0) }

  /// Has `keepBounds` called soon, on the connection's loop; once, however often it is asked for.
  func askToKeepBounds(_ link: HTTP2Link<ServedCalls>) {
    guard !isAskedToKeepBounds.exchange(true, ordering: .acquiringAndReleasing) else { return }
    link.hop {
      // First: what is asked for from here on may concern bytes that are not in this count.
      $0.role.isAskedToKeepBounds.store(false, ordering: .releasing)
      $0.role.keepBoundsIfOfUse()
    }
  }

  /// Counts only if there is something to find or to end.
  private func keepBoundsIfOfUse() {
    if memory.isStale || memory.held > allowedMemory ?? .max { keepBounds() }
  }

  /// Counts what is held; while it is too much, ends the call that holds most.
  private func keepBounds() {
    var held = 0
    for stream in streams { held += stream?.heldBytes ?? 0 }
    let hasGrown = note(held) > 0
    endLargest(held)
    // The connections that counted before this one did not know of it.
    if hasGrown, registry.memory.isExceeded { registry.reclaimMemory() }
  }

  private func endLargest(_ total: Int) {
    var held = total
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

  /// Answers by how much more is held than was known.
  @discardableResult
  private func note(_ held: Int) -> Int {
    let change = memory.count(held)
    registry.memory.change(by: change)
    return change
  }

  private static let outOfMemory = RPCError(
    .resourceExhausted, "the server's calls hold more memory than they may; try again later")
}

extension ServedConnections {
  /// The same for a call that is refused, but not for each: peers may make very many.
  func reclaimMemory(at now: NIODeadline) {
    let last = lastReclaim.load(ordering: .relaxed)
    guard now.uptimeNanoseconds >= last + Self.reclaimInterval,
      lastReclaim.compareExchange(
        expected: last, desired: now.uptimeNanoseconds, ordering: .relaxed
      ).exchanged
    else { return }
    reclaimMemory()
  }

  private static var reclaimInterval: UInt64 { 10_000_000 }

  /// Has every connection count what it holds, also those where nothing moves, and end what is
  /// beyond its share.
  func reclaimMemory() {
    for link in links { link.role.askToKeepBounds(link) }
  }
}
