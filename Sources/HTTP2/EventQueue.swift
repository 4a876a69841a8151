/// What happened, in order; its storage is used again once it has been emptied.
///
/// Bounded by the input: a frame is at least nine bytes and brings at most three events.
struct EventQueue {
  /// An event without references: header blocks are named by their place in what was received.
  enum Event {
    case headers(HTTP2Stream, Range<Int>, ends: Bool)
    case headersTooLarge(HTTP2Stream)
    case data(HTTP2Stream, Range<Int>)
    case end(HTTP2Stream)
    case writable(HTTP2Stream)
    case closed(HTTP2Stream, HTTP2ErrorCode)
    case goAway(lastStream: Int32, HTTP2ErrorCode)
    case settings
    case ping
    case pong(UInt64)
  }

  private var events: [Event] = []
  private var head = 0

  var isEmpty: Bool { head == events.count }

  mutating func append(_ event: Event) { events.append(event) }

  mutating func next() -> Event? {
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

  /// Drops the body bytes that are not taken yet, with the input that held them.
  mutating func dropData() {
    events.removeSubrange(..<head)
    head = 0
    events.removeAll { if case .data = $0 { true } else { false } }
  }
}
