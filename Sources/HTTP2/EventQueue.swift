/// Events in order; its storage is used again once it has been emptied.
///
/// Bounded by the input: a frame is at least nine bytes and brings at most three events.
struct EventQueue {
  private var events: [HTTP2Event] = []
  private var head = 0

  mutating func append(_ event: HTTP2Event) { events.append(event) }

  mutating func next() -> HTTP2Event? {
    guard head < events.count else {
      if head > 0 {
        events.removeAll(keepingCapacity: events.capacity <= 4_096)
        head = 0
      }
      return nil
    }
    head += 1
    return events[head - 1]
  }
}
