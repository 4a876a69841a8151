import DequeModule

/// What a caller has written, in order: how far it is performed on the current attempt's transport,
/// and, until the call is committed, all of it, to be performed again by another attempt.
///
/// ```
///  entries:  m m m m m end
///            └─┬─┘└──┬───┘
///       performed   waits (for the transport)
/// ```
struct RequestLog: ~Copyable {
  private var entries: Deque<ClientOperation> = []
  private var performed = 0
  /// Bytes of the messages in `entries` that count against the buffers of retries.
  private(set) var keptBytes = 0
  /// Whether what is performed is kept.
  private(set) var isKept = true

  /// Whether nothing waits to be performed.
  var isEmpty: Bool { performed == entries.count }

  /// Appends; what was performed already is let go of when the call does not keep any more.
  mutating func append(_ operation: ClientOperation) {
    // Most calls have a message and the end.
    if entries.isEmpty { entries.reserveCapacity(2) }
    entries.append(operation)
    if isKept, case .message(let message) = operation { keptBytes += message.framedCount }
  }

  /// The next operation to perform.
  mutating func next() -> ClientOperation? {
    guard performed < entries.count else { return nil }
    guard isKept else { return entries.popFirst() }
    performed += 1
    return entries[performed - 1]
  }

  /// Keeps nothing from now on; answers how many bytes are let go of.
  mutating func commit() -> Int {
    guard isKept else { return 0 }
    isKept = false
    if performed == entries.count {
      entries = []
    } else {
      entries.removeFirst(performed)
    }
    performed = 0
    defer { keptBytes = 0 }
    return keptBytes
  }

  /// Begins again, for another attempt; answers how many bytes wait now.
  mutating func rewind() -> Int {
    performed = 0
    return keptBytes
  }

  /// Drops everything, for one last operation.
  mutating func replace(by last: ClientOperation?) {
    entries = []
    performed = 0
    keptBytes = 0
    isKept = false
    if let last { entries.append(last) }
  }
}
