/// The open streams of a connection, densely numbered; slots are used again, with their buffers.
struct StreamTable {
  struct Slot {
    /// 0: free.
    var id: Int32 = 0
    /// Body bytes received and not yet consumed.
    var unconsumed = 0
    var body = OutboundBody()
  }

  private(set) var openCount = 0
  var slots: [Slot] = []
  private var free: [Int] = []

  /// Gives a stream a slot; the id may be set later by `name`.
  mutating func open(_ id: Int32) -> HTTP2Stream {
    openCount += 1
    if let slot = free.popLast() {
      slots[slot].id = id
      return HTTP2Stream(id: id, slot: slot)
    }
    slots.append(Slot(id: id))
    return HTTP2Stream(id: id, slot: slots.count - 1)
  }

  /// Whether the stream still owns its slot.
  func holds(_ stream: HTTP2Stream) -> Bool {
    slots.indices.contains(stream.slot) && slots[stream.slot].id == stream.id && stream.id != 0
  }

  /// Forgets a stream; returns the bytes that nobody will consume now. Its slot stays taken until
  /// `release`: events of the stream may still wait to be heard.
  mutating func close(_ slot: Int) -> Int {
    openCount -= 1
    let unconsumed = slots[slot].unconsumed
    slots[slot].id = 0
    slots[slot].unconsumed = 0
    slots[slot].body.reset()
    return unconsumed
  }

  /// Lets another stream have the slot.
  mutating func release(_ slot: Int) {
    free.append(slot)
  }
}
