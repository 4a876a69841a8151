import Testing

@testable import GRPC

@Suite("Messages that wait to be read")
struct InboundMessagesTests {
  @Test("every byte counts as consumed exactly once, and a window always opens again")
  func accounting() throws {
    for seed in UInt64(1)...200 {
      var random = SeededRandom(seed: seed)
      var inbound = InboundMessages(limit: 100_000)
      var stream: [UInt8] = []
      var count = 0
      for _ in 0..<30 {
        let largest = Bool.random(using: &random) ? 50 : 60_000
        OutboundMessage(
          payload: [UInt8](repeating: 1, count: Int.random(in: 0...largest, using: &random))
        ).append(
          to: &stream)
        count += 1
      }
      let window = 20_000
      var sent = 0
      var consumed = 0
      var read = 0
      var readsWithoutProgress = 0
      while read < count, readsWithoutProgress < 3 {
        let piece = min(
          window - (sent - consumed), stream.count - sent, Int.random(in: 0...9000, using: &random))
        if piece > 0 {
          try inbound.receive(Array(stream[sent..<sent + piece]).span.bytes)
          sent += piece
          consumed += inbound.takeConsumed()
        }
        #expect(sent - consumed <= window, "seed \(seed)")
        guard Bool.random(using: &random) || sent - consumed == window else { continue }
        readsWithoutProgress += 1
        if case .message = inbound.next() {
          read += 1
          readsWithoutProgress = 0
        }
        consumed += inbound.takeConsumed()
        if sent - consumed < window { readsWithoutProgress = 0 }
      }
      #expect(read == count, "seed \(seed): stuck after \(read) of \(count) messages")
      #expect(consumed == stream.count, "seed \(seed)")
    }
  }

  @Test("a message is under way from its first byte to its last, unless another is left to read")
  func underWay() throws {
    var inbound = InboundMessages(limit: 1000)
    let bytes: [UInt8] = [0, 0, 0, 0, 2, 7, 7]
    #expect(inbound.underWay == nil)
    for count in 1..<7 {
      try inbound.receive([bytes[count - 1]].span.bytes)
      #expect(inbound.underWay == MessageUnderWay(number: 0, bytes: count))
    }
    try inbound.receive([bytes[6]].span.bytes)
    #expect(inbound.underWay == nil)
    try inbound.receive([bytes[0]].span.bytes)
    #expect(inbound.underWay == nil, "the first is not read")
    _ = inbound.next()
    #expect(inbound.underWay == MessageUnderWay(number: 1, bytes: 1))
    _ = inbound.finish(nil)
    #expect(inbound.underWay == nil)
  }

  @Test("what is dropped counts as consumed too")
  func dropped() throws {
    for seed in UInt64(1)...50 {
      var random = SeededRandom(seed: seed)
      var inbound = InboundMessages(limit: 1000)
      var stream: [UInt8] = []
      for _ in 0..<5 { OutboundMessage(payload: random.bytes(100)).append(to: &stream) }
      let cut = Int.random(in: 0...stream.count, using: &random)
      try inbound.receive(Array(stream[..<cut]).span.bytes)
      var consumed = inbound.takeConsumed()
      if Bool.random(using: &random) { _ = inbound.next() }
      inbound.abort(CancellationError())
      try inbound.receive(Array(stream[cut...]).span.bytes)
      consumed += inbound.takeConsumed()
      #expect(consumed == stream.count, "seed \(seed)")
      guard case .aborted = inbound.next() else {
        Issue.record("a message after the abort, seed \(seed)")
        continue
      }
    }
  }

  @Test("bytes count as consumed also when a message among them is refused")
  func refused() {
    var inbound = InboundMessages(limit: 10)
    var stream: [UInt8] = []
    OutboundMessage(payload: [1]).append(to: &stream)
    stream += [0, 0, 0, 0, 11, 1, 2, 3]
    #expect(throws: RPCError.self) { try inbound.receive(stream.span.bytes) }
    inbound.abort(CancellationError())
    #expect(inbound.takeConsumed() == stream.count)
  }
}
