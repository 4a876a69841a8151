import Testing

@testable import HTTP2

@Suite("Header blocks that were received")
struct HeaderStorageTests {
  private static func read(_ name: String, _ value: String, _ state: inout SessionState) {
    let (name, value) = (Array(name.utf8), Array(value.utf8))
    name.withUnsafeBufferPointer { name in
      value.withUnsafeBufferPointer { state.header(name: name, value: $0) }
    }
  }

  @Test("They are forgotten once heard of, also when each input ends within another")
  func cutInputs() {
    var state = SessionState(limits: HTTP2Limits(), preface: 0)
    let stream = state.streams.open(1)
    state.headersBegin()
    for number in 0..<1_000 {
      state.forgetHeardBlocks()
      // The end of one, and the beginning of the next.
      Self.read("last", "\(number)", &state)
      state.headersEnd(stream, ends: false)
      state.headersBegin()
      Self.read("first", "\(number + 1)", &state)
      guard case .headers(_, let block, _) = state.nextEvent() else {
        Issue.record("no block")
        return
      }
      #expect(block.first("first") == (number == 0 ? nil : "\(number)"))
      #expect(block.first("last") == "\(number)")
      #expect(block.count == (number == 0 ? 1 : 2))
      if state.nextEvent() != nil { Issue.record("another event") }
      #expect(state.blocks.byteCount <= 64)
    }
  }

  @Test("Those that were not heard of stay")
  func unheard() {
    var state = SessionState(limits: HTTP2Limits(), preface: 0)
    let stream = state.streams.open(1)
    for number in 0..<3 {
      state.forgetHeardBlocks()
      state.headersBegin()
      Self.read("number", "\(number)", &state)
      state.headersEnd(stream, ends: false)
    }
    for number in 0..<3 {
      guard case .headers(_, let block, _) = state.nextEvent() else {
        Issue.record("no block")
        return
      }
      #expect(block.first("number") == "\(number)")
    }
  }
}
