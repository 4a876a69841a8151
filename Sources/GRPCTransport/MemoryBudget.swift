import Synchronization

/// What all connections of a server hold for calls, in bytes, against the server's bound.
final class MemoryBudget: Sendable {
  private let limit: Int
  private let held = Atomic<Int>(0)

  init(limit: Int) { self.limit = limit }

  /// The server holds more than it may.
  var isExceeded: Bool { held.load(ordering: .relaxed) > limit }

  /// A connection holds so many bytes more, or fewer.
  func change(by bytes: Int) { held.add(bytes, ordering: .relaxed) }

  /// What each of so many connections may hold for certain. While the bound is exceeded, at least
  /// one of them holds more.
  func share(among connections: Int) -> Int { limit / max(1, connections) }
}

/// What one connection holds for calls: the calls themselves with their metadata, messages not read by
/// handlers, messages not taken by the peer.
///
/// Nothing is counted byte by byte: once a portion has come in or was written, what is held is counted
/// anew.
struct HeldMemory {
  /// In bytes.
  let limit: Int
  /// As it was last counted.
  private(set) var held = 0
  private var moved = 0
  /// What the open calls take by being open, now and as it was last counted.
  private var own = (now: 0, counted: 0)

  /// The bound is exceeded by no more than this, and one message, before that is seen.
  static let portion = 64 << 10

  init(limit: Int) { self.limit = limit }

  /// More is held than may be.
  var isExceeded: Bool { held > limit }
  /// So much is held that nothing new should begin.
  var isNearlyFull: Bool { held > limit - limit / 8 }
  /// What is held may have changed since it was counted.
  var isStale: Bool { moved > 0 }

  /// Bytes came, or were written; true: it is time to count.
  mutating func move(_ bytes: Int) -> Bool {
    moved += bytes
    return moved >= Self.portion
  }

  /// A call begins, which takes so many bytes as long as it is open; true: it is time to count.
  mutating func open(_ bytes: Int) -> Bool {
    own.now += bytes
    return own.now - own.counted >= Self.portion
  }

  /// The call is over.
  mutating func close(_ bytes: Int) {
    own.now -= bytes
    mayHaveShrunk()
  }

  /// Bytes were read, or have left.
  mutating func mayHaveShrunk() { moved |= 1 }

  /// Takes a new count; answers by how much it differs from the last.
  mutating func count(_ bytes: Int) -> Int {
    moved = 0
    own.counted = own.now
    defer { held = bytes }
    return bytes - held
  }
}
