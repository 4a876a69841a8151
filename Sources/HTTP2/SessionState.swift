import CNGHTTP2

/// What the library's callbacks write while they run: events, stream slots, the header block in progress.
///
/// Lives on the heap at one address for the life of its `HTTP2Session`, which owns it.
struct SessionState: ~Copyable {
  let limits: HTTP2Limits
  var events = EventQueue()
  var streams = StreamTable()
  private var lastStream: HTTP2Stream?
  var flood: FloodMeter
  /// Counts the streams that we reset for the peer's fault: each may have cost a handler's start,
  /// which no useful frame makes good.
  var faults: FloodMeter
  /// Body bytes received and not consumed, of all streams.
  private(set) var heldReceived = 0
  /// Body bytes that wait to be sent, of all streams.
  private(set) var heldQueued = 0
  /// Where the input's frames begin.
  private(set) var frames: FrameScanner
  /// The header blocks received and not heard of yet, after one another.
  private(set) var blocks = HeaderBlock()
  /// The one being received begins here; HTTP/2 allows one at a time.
  private var blockStart = 0
  /// The one before.
  private var lastBlock = 0..<0
  /// As RFC 9113 §10.5.1 counts.
  private var blockSize = 0

  /// Storage for header blocks up to this size stays with the connection.
  private static let keptHeaderBytes = 4 << 10
  /// The address and length of the input that `receive` is working on.
  var input: UnsafeRawBufferPointer?

  init(limits: HTTP2Limits, preface: Int) {
    self.limits = limits
    flood = FloodMeter(allowance: limits.idleFrames)
    faults = FloodMeter(allowance: limits.idleFrames)
    frames = FrameScanner(preface: preface)
  }

  /// The stream of this id, if the library still has it and it holds a slot here.
  mutating func stream(_ id: Int32, in session: OpaquePointer?) -> HTTP2Stream? {
    // Most frames are about the stream of the frame before.
    if let last = lastStream, last.id == id, streams.holds(last) { return last }
    lastStream = find(id, in: session)
    return lastStream
  }

  private func find(_ id: Int32, in session: OpaquePointer?) -> HTTP2Stream? {
    guard let mark = nghttp2_session_get_stream_user_data(session, id) else { return nil }
    let stream = HTTP2Stream(id: id, slot: Int(bitPattern: mark) - 1)
    return streams.holds(stream) ? stream : nil
  }

  /// What the library keeps with a stream: its slot plus one, for nil means none.
  static func mark(_ slot: Int) -> UnsafeMutableRawPointer? {
    UnsafeMutableRawPointer(bitPattern: slot + 1)
  }

  // MARK: Receiving

  /// The peer has used up an allowance.
  var isFlooded: Bool { flood.isExhausted || faults.isExhausted }

  mutating func renewAllowance() {
    flood.renew()
    faults.renew()
  }

  /// Charges the peer for the frames that begin in a piece of input.
  mutating func charge(_ input: UnsafeRawBufferPointer) {
    frames.scan(input) { frame in
      if frame.isIdle { flood.idle() }
    }
  }

  /// Drops the header blocks that were heard of, before more input; what has come of the next one stays.
  mutating func forgetHeardBlocks() {
    guard blockStart > 0, events.isEmpty else { return }
    blocks.removeAll(before: blockStart, keeping: Self.keptHeaderBytes)
    blockStart = 0
    lastBlock = 0..<0
  }

  mutating func headersBegin() {
    blockStart = blocks.end
    blockSize = 0
  }

  mutating func header(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    blockSize += name.count + value.count + 32
    if blockSize <= limits.headerListSize { blocks.append(name: name, value: value) }
  }

  mutating func headersEnd(_ stream: HTTP2Stream, ends: Bool) {
    flood.useful()
    guard blockSize <= limits.headerListSize else {
      events.append(.headersTooLarge(stream))
      return
    }
    // Calls at once tend to have the same headers, which are kept once then.
    if !blocks.dropLast(from: blockStart, ifAs: lastBlock) { lastBlock = blockStart..<blocks.end }
    events.append(.headers(stream, lastBlock, ends: ends))
    blockStart = blocks.end
  }

  /// The next thing that the peer did.
  mutating func nextEvent() -> HTTP2Event? {
    switch events.next() {
    case .headers(let stream, let range, let ends):
      return .headers(stream, HeaderBlock(range, of: blocks), ends: ends)
    case .headersTooLarge(let stream): return .headersTooLarge(stream)
    case .data(let stream, let range): return .data(stream, range)
    case .end(let stream): return .end(stream)
    case .writable(let stream): return .writable(stream)
    case .closed(let stream, let code):
      streams.release(stream.slot)
      return .closed(stream, code)
    case .goAway(let lastStream, let code): return .goAway(lastStream: lastStream, code)
    case .settings: return .settings
    case .ping: return .ping
    case .pong(let number): return .pong(number)
    case nil: return nil
    }
  }

  /// Notes body bytes; false if they are not within the input, which would be the library's fault.
  mutating func data(_ stream: HTTP2Stream, _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = input?.baseAddress, let start = bytes.baseAddress else { return bytes.isEmpty }
    let offset = start - base
    guard offset >= 0, offset + bytes.count <= input?.count ?? 0 else { return false }
    flood.useful()
    streams.slots[stream.slot].unconsumed += bytes.count
    heldReceived += bytes.count
    events.append(.data(stream, offset..<offset + bytes.count))
    return true
  }

  /// Frees the stream's slot; returns how many bytes to give back to the connection's window.
  mutating func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) -> Int {
    events.append(.closed(stream, code))
    return close(stream.slot)
  }

  /// Forgets a stream; returns the bytes that nobody will consume now.
  mutating func close(_ slot: Int) -> Int {
    heldQueued -= streams.slots[slot].body.count
    let unconsumed = streams.close(slot)
    heldReceived -= unconsumed
    return unconsumed
  }

  /// Takes at most so many bytes as consumed; returns how many.
  mutating func consume(_ count: Int, _ slot: Int) -> Int {
    let used = min(count, streams.slots[slot].unconsumed)
    streams.slots[slot].unconsumed -= used
    heldReceived -= used
    return used
  }

  // MARK: Sending

  /// Queues body bytes; false if the writer is to wait.
  mutating func appendBody(_ first: RawSpan, _ second: RawSpan, _ slot: Int) -> Bool {
    guard streams.slots[slot].body.isOpen else { return true }
    heldQueued += first.byteCount + second.byteCount
    let isFull = streams.slots[slot].body.append(first, second) >= limits.outboundHighWater
    if isFull { streams.slots[slot].body.wantsRoom = true }
    return !isFull
  }

  /// Drops the body bytes that wait, since the end goes out by itself.
  mutating func cutOffBody(_ slot: Int) {
    heldQueued -= streams.slots[slot].body.count
    streams.slots[slot].body.cutOff()
  }

  /// Moves body bytes of a slot into a frame.
  mutating func takeBody(
    _ stream: HTTP2Stream, into target: UnsafeMutableRawBufferPointer
  ) -> (taken: Int, left: Int) {
    let taken = streams.slots[stream.slot].body.take(into: target)
    let left = streams.slots[stream.slot].body.count
    heldQueued -= taken
    if taken > 0 { flood.useful() }
    if streams.slots[stream.slot].body.wantsRoom, left < limits.outboundHighWater / 2 {
      streams.slots[stream.slot].body.wantsRoom = false
      events.append(.writable(stream))
    }
    return (taken, left)
  }
}
