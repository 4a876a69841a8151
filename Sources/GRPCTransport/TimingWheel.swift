/// What is to happen at given ticks: adding and removing cost the same however much waits
/// (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels").
///
/// Eleven wheels of 64 places, for all ticks that there are. A place of the first holds what is due at one tick, a place of the next
/// what is due within 64 ticks, and so on; as its time comes, a place is spread over the wheel below.
/// Without a clock: `advance` says how late it is.
struct TimingWheel<Value> {
  /// What was added, for its removal; of no effect once that is over.
  struct Ticket {
    fileprivate let index: Int32
    fileprivate let generation: UInt32

    fileprivate init(index: Int32, generation: UInt32) {
      self.index = index
      self.generation = generation
    }

    /// The ticket that has this number; others have none.
    init(rawValue: UInt64) {
      index = Int32(truncatingIfNeeded: rawValue >> 32)
      generation = UInt32(truncatingIfNeeded: rawValue)
    }

    var rawValue: UInt64 { UInt64(UInt32(bitPattern: index)) << 32 | UInt64(generation) }
  }

  private struct Entry {
    var due: UInt64 = 0
    /// The place's next entry, or the next free one.
    var next = none
    var previous = none
    var place: Int32 = none
    var generation: UInt32 = 0
    /// Nil: free.
    var value: Value?
  }

  /// All before it has happened.
  private(set) var now: UInt64
  /// How many wait.
  private(set) var count = 0
  private var entries: [Entry] = []
  private var free = none
  /// The first entry of each place.
  private var places = [Int32](repeating: none, count: wheels * 64)
  /// A bit for each place that holds something.
  private var occupied = [UInt64](repeating: 0, count: wheels)

  private static var none: Int32 { -1 }
  private static var wheels: Int { 11 }

  init(now: UInt64) { self.now = now }

  /// Adds something to happen at a tick; at the next one, when that is over.
  mutating func add(_ value: Value, at due: UInt64) -> Ticket {
    let index = takeEntry()
    entries[Int(index)].due = max(due, now + 1)
    entries[Int(index)].value = value
    link(index)
    count += 1
    return Ticket(index: index, generation: entries[Int(index)].generation)
  }

  /// Takes something out; nil: it has happened, or was taken out.
  @discardableResult
  mutating func remove(_ ticket: Ticket) -> Value? {
    guard entries[Int(ticket.index)].generation == ticket.generation,
      let value = entries[Int(ticket.index)].value
    else { return nil }
    unlink(ticket.index)
    release(ticket.index)
    return value
  }

  /// The tick by which to call `advance`: that of the first entry, or somewhat before; nil: nothing
  /// waits.
  var next: UInt64? { nextPlace?.time }

  /// Takes out what is due until a tick, the earliest first.
  mutating func advance(to tick: UInt64, _ body: (Value) -> Void) {
    while let (place, time) = nextPlace, time <= tick {
      now = max(now, time)
      var index = places[place]
      places[place] = Self.none
      occupied[place / 64] &= ~(1 << UInt64(place % 64))
      while index != Self.none {
        let following = entries[Int(index)].next
        if entries[Int(index)].due > now {
          link(index)
        } else if let value = release(index) {
          body(value)
        }
        index = following
      }
    }
    now = max(now, tick)
  }

  /// The first place that holds something, and when its time comes.
  private var nextPlace: (place: Int, time: UInt64)? {
    for wheel in 0..<Self.wheels where occupied[wheel] != 0 {
      let shift = UInt64(6 * wheel)
      let current = (now >> shift) & 63
      let turned = occupied[wheel] >> current | occupied[wheel] << ((64 - current) & 63)
      let ahead = UInt64(turned.trailingZeroBitCount)
      let time = ((now >> shift) + ahead) << shift
      return (wheel * 64 + Int((current + ahead) & 63), max(time, now))
    }
    return nil
  }

  private mutating func takeEntry() -> Int32 {
    guard free != Self.none else {
      entries.append(Entry())
      return Int32(truncatingIfNeeded: entries.count - 1)
    }
    let index = free
    free = entries[Int(index)].next
    return index
  }

  @discardableResult
  private mutating func release(_ index: Int32) -> Value? {
    let value = entries[Int(index)].value.take()
    entries[Int(index)].generation &+= 1
    entries[Int(index)].next = free
    free = index
    count -= 1
    return value
  }

  private mutating func link(_ index: Int32) {
    let due = entries[Int(index)].due
    // The highest digit, of six bits, in which the two differ.
    let wheel = (63 - ((now ^ due) | 63).leadingZeroBitCount) / 6
    let place = wheel * 64 + Int((due >> UInt64(6 * wheel)) & 63)
    let first = places[place]
    entries[Int(index)].place = Int32(truncatingIfNeeded: place)
    entries[Int(index)].previous = Self.none
    entries[Int(index)].next = first
    if first != Self.none { entries[Int(first)].previous = index }
    places[place] = index
    occupied[wheel] |= 1 << UInt64(place % 64)
  }

  private mutating func unlink(_ index: Int32) {
    let previous = entries[Int(index)].previous
    let next = entries[Int(index)].next
    if next != Self.none { entries[Int(next)].previous = previous }
    if previous != Self.none {
      entries[Int(previous)].next = next
    } else {
      let place = Int(entries[Int(index)].place)
      places[place] = next
      if next == Self.none { occupied[place / 64] &= ~(1 << UInt64(place % 64)) }
    }
  }
}
