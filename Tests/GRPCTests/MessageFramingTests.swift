import Testing

@testable import GRPC

@Suite("Message framing")
struct MessageFramingTests {
  /// Everything that the pieces complete.
  private func deframe(
    _ pieces: [ArraySlice<UInt8>], limit: Int = 1 << 20, encoding: MessageEncoding = .identity
  ) throws -> [[UInt8]] {
    var deframer = MessageDeframer(limit: limit, encoding: encoding)
    var messages: [[UInt8]] = []
    for piece in pieces {
      let piece = Array(piece)
      var offset = 0
      while let message = try deframer.next(in: piece.span.bytes, from: &offset) {
        messages.append(try message.decompressed(limit: limit))
      }
      #expect(offset == piece.count)
    }
    return messages
  }

  private func frame(_ messages: [[UInt8]]) -> [UInt8] {
    messages.reduce(into: []) { OutboundMessage(payload: $1).append(to: &$0) }
  }

  @Test("messages come out whole wherever the bytes are cut in two")
  func everyCut() throws {
    let messages: [[UInt8]] = [[1, 2, 3], [], [9], Array(0...60), []]
    let bytes = frame(messages)
    for cut in 0...bytes.count {
      #expect(try deframe([bytes[..<cut], bytes[cut...]]) == messages, "cut at \(cut)")
    }
    #expect(try deframe(bytes.indices.map { bytes[$0...$0] }) == messages)
  }

  @Test("messages come out whole from pieces of any size")
  func roundTrip() throws {
    for seed in UInt64(1)...100 {
      var random = SeededRandom(seed: seed)
      let messages = (0..<20).map { _ in random.bytes(Int.random(in: 0...300, using: &random)) }
      var rest = frame(messages)[...]
      var pieces: [ArraySlice<UInt8>] = []
      while !rest.isEmpty {
        let size = Int.random(in: 0...min(rest.count, 40), using: &random)
        pieces.append(rest.prefix(size))
        rest = rest.dropFirst(size)
      }
      #expect(try deframe(pieces) == messages, "seed \(seed)")
    }
  }

  @Test(
    "a message over the limit is refused once its prefix is there",
    arguments: [11, 1 << 20, 0xffff_ffff])
  func limit(length: Int) {
    let prefix = [0] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
    let error = #expect(throws: RPCError.self) { try deframe([prefix[...]], limit: 10) }
    #expect(error?.code == .resourceExhausted)
    #expect(throws: Never.self) { try deframe([prefix[..<4]], limit: 10) }
  }

  @Test(
    "compressed messages and others come out as they were, wherever the bytes are cut",
    arguments: [MessageEncoding.gzip, .deflate])
  func compressed(encoding: MessageEncoding) throws {
    let messages = [[UInt8](repeating: 5, count: 300), [1], [UInt8](repeating: 6, count: 200), []]
    let outbound = messages.enumerated().map { index, message in
      OutboundMessage(message, in: index == 2 ? .identity : encoding)
    }
    #expect(outbound.map(\.isCompressed) == [true, false, false, false])
    let bytes = outbound.reduce(into: []) { $1.append(to: &$0) }
    for cut in 0...bytes.count {
      let pieces = [bytes[..<cut], bytes[cut...]]
      #expect(try deframe(pieces, encoding: encoding) == messages, "cut at \(cut)")
    }
  }

  @Test(
    "a message at the limit passes, and none that is longer once it is decompressed",
    arguments: MessageEncoding.allCases)
  func decompressedLimit(encoding: MessageEncoding) throws {
    let message = [UInt8](repeating: 5, count: 300)
    var bytes: [UInt8] = []
    OutboundMessage(message, in: encoding).append(to: &bytes)
    #expect(try deframe([bytes[...]], limit: 300, encoding: encoding) == [message])
    let error = #expect(throws: RPCError.self) {
      try deframe([bytes[...]], limit: 299, encoding: encoding)
    }
    #expect(error?.code == .resourceExhausted)
  }

  @Test(
    "reserved flags are refused also where messages may be compressed",
    arguments: [2, 3, 129, 255] as [UInt8])
  func reserved(flag: UInt8) {
    let error = #expect(throws: RPCError.self) {
      try deframe([[flag, 0, 0, 0, 0]], encoding: .gzip)
    }
    #expect(error?.code == .internal)
  }

  @Test(
    "compression that was not agreed, and reserved flags, are refused",
    arguments: [1, 2, 3, 128, 255] as [UInt8])
  func flags(flag: UInt8) {
    let error = #expect(throws: RPCError.self) { try deframe([[flag, 0, 0, 0, 0]]) }
    #expect(error?.code == .internal)
  }

  @Test("any bytes give messages or a refusal, and no more memory than they are")
  func hostile() {
    for seed in UInt64(1)...300 {
      var random = SeededRandom(seed: seed)
      var bytes = random.bytes(200)
      if Bool.random(using: &random) { bytes.replaceSubrange(0..<4, with: [0, 0, 0, 0]) }
      var deframer = MessageDeframer(limit: 100)
      var offset = 0
      do {
        while let message = try deframer.next(in: bytes.span.bytes, from: &offset) {
          #expect(message.payload.count <= 100, "seed \(seed)")
        }
        #expect(deframer.partialCount <= 105, "seed \(seed)")
      } catch {
        #expect(error.code == .internal || error.code == .resourceExhausted, "seed \(seed)")
      }
    }
  }
}
