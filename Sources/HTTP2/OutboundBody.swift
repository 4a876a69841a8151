/// The bytes of one stream that wait to be framed, and how the stream is to end.
struct OutboundBody {
  /// How the body ends once its bytes are gone.
  enum End {
    /// More may be written.
    case open
    /// END_STREAM on the last DATA frame.
    case plain
    /// A HEADERS frame with END_STREAM after the last DATA frame.
    case trailers(HeaderBlock)
    /// The same, of a constant.
    case constantTrailers(StaticHeaders)
    /// The end was submitted by itself; no DATA frame may follow.
    case cutOff
  }

  private var bytes: [UInt8] = []
  private var head = 0
  var end = End.open
  /// The library was told to come back when there is something.
  var isDeferred = false
  /// A writer waits for room.
  var wantsRoom = false

  /// Storage up to this size stays with the slot for its next stream.
  private static let keptCapacity = 16 << 10

  var count: Int { bytes.count - head }

  var isOpen: Bool { if case .open = end { true } else { false } }

  /// Appends two pieces; returns the count then.
  mutating func append(_ first: RawSpan, _ second: RawSpan) -> Int {
    if head > 0, head >= bytes.count - head { compact() }
    first.withUnsafeBytes { bytes.append(contentsOf: $0) }
    if !second.isEmpty { second.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    return count
  }

  /// Moves at most `target.count` bytes out; returns how many.
  mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
    let taken = min(target.count, count)
    bytes.withUnsafeBytes { target.copyMemory(from: .init(rebasing: $0[head..<head + taken])) }
    head += taken
    if head == bytes.count { empty() }
    return taken
  }

  /// Forgets what waits, since the end goes out by itself.
  mutating func cutOff() {
    empty()
    end = .cutOff
  }

  /// Forgets everything, for the slot's next stream.
  mutating func reset() {
    empty()
    end = .open
    isDeferred = false
    wantsRoom = false
  }

  private mutating func empty() {
    guard !bytes.isEmpty else { return }
    bytes.removeAll(keepingCapacity: bytes.capacity <= 4 * Self.keptCapacity)
    head = 0
  }

  private mutating func compact() {
    bytes.removeSubrange(..<head)
    head = 0
  }
}
