import Testing

@testable import GRPC

@Suite("Compression")
struct CompressionTests {
  static let compressing: [MessageEncoding] = [.gzip, .deflate]

  /// Text that repeats itself, of any length.
  private func text(_ count: Int) -> [UInt8] {
    var text = (0..<min(count, 5000)).map { UInt8(truncatingIfNeeded: $0 % 11 + $0 / 997) }
    while text.count < count { text += text }
    return Array(text.prefix(count))
  }

  @Test("what was compressed comes out as it was, and was shorter", arguments: compressing)
  func roundTrip(encoding: MessageEncoding) throws {
    for count in [64, 100, 1000, 32 << 10, 32 << 10 | 1, 70_000, 4 << 20] {
      let message = text(count)
      let compressed = try #require(encoding.compress(message), "\(count) bytes")
      #expect(compressed.count < count)
      #expect(try encoding.decompress(compressed, limit: count) == message)
    }
  }

  @Test("any bytes come out as they were, wherever there was a gain", arguments: compressing)
  func anyBytes(encoding: MessageEncoding) throws {
    for seed in UInt64(1)...100 {
      var random = SeededRandom(seed: seed)
      let few = UInt8.random(in: 1...255, using: &random)
      let piece = random.bytes(Int.random(in: 0...1000, using: &random)).map { $0 % few }
      var message = piece
      for _ in 0..<Int.random(in: 0...6, using: &random) { message += message }
      guard let compressed = encoding.compress(message) else { continue }
      #expect(compressed.count < message.count, "seed \(seed)")
      #expect(try encoding.decompress(compressed, limit: message.count) == message, "seed \(seed)")
    }
  }

  @Test("what can't be made shorter is left as it is", arguments: compressing)
  func noGain(encoding: MessageEncoding) {
    var random = SeededRandom(seed: 7)
    for count in [0, 1, 63, 64, 5000] {
      let message = random.bytes(count)
      #expect(encoding.compress(message) == nil)
      let outbound = OutboundMessage(message, in: encoding)
      #expect(!outbound.isCompressed && outbound.payload == message)
    }
    #expect(MessageEncoding.identity.compress(text(1000)) == nil)
  }

  @Test("a message over the limit is refused, one at the limit is not", arguments: compressing)
  func limit(encoding: MessageEncoding) throws {
    for count in [100, 32 << 10, 100_000] {
      let compressed = try #require(encoding.compress(text(count)))
      #expect(throws: Never.self) { try encoding.decompress(compressed, limit: count) }
      for limit in [count - 1, count / 2, 1, 0] {
        let error = #expect(throws: RPCError.self) {
          try encoding.decompress(compressed, limit: limit)
        }
        #expect(error?.code == .resourceExhausted, "\(limit) of \(count)")
      }
    }
  }

  @Test("a bomb is refused when it has grown to the limit", arguments: compressing)
  func bomb(encoding: MessageEncoding) throws {
    let bomb = try #require(encoding.compress([UInt8](repeating: 0, count: 32 << 20)))
    #expect(bomb.count < 40_000)
    for limit in [10, 1000, 100_000, 4 << 20] {
      guard var inflater = Inflater() else { fatalError("no memory") }
      var code: StatusCode?
      do {
        _ = try inflater.decompress(bomb, encoding, limit: limit)
      } catch {
        code = error.code
      }
      #expect(code == .resourceExhausted)
      #expect(inflater.produced <= limit + 1 + 32 << 10, "limit \(limit)")
    }
  }

  @Test("a payload that is cut, goes on or is changed is INTERNAL", arguments: compressing)
  func damage(encoding: MessageEncoding) throws {
    let message = text(3000)
    let good = try #require(encoding.compress(message))
    for cut in 0..<good.count {
      #expect(code(Array(good[..<cut]), encoding) == .internal, "cut at \(cut)")
    }
    #expect(code(good + [0], encoding) == .internal)
    #expect(code(good + good, encoding) == .internal)
    for seed in UInt64(1)...500 {
      var random = SeededRandom(seed: seed)
      var bad = good
      let index = Int.random(in: bad.indices, using: &random)
      bad[index] ^= UInt8.random(in: 1...255, using: &random)
      // Some bits of a header mean nothing; what comes out is then the message.
      if let result = try? encoding.decompress(bad, limit: 1 << 20) {
        #expect(result == message && index < (encoding == .gzip ? 10 : 2), "seed \(seed)")
      } else {
        #expect([.internal, .resourceExhausted].contains(code(bad, encoding)), "seed \(seed)")
      }
    }
    #expect(try encoding.decompress(good, limit: 3000) == message)
  }

  private func code(_ payload: [UInt8], _ encoding: MessageEncoding) -> StatusCode? {
    #expect(throws: RPCError.self) { try encoding.decompress(payload, limit: 1 << 20) }?.code
  }

  @Test("one format is not taken for another, nor raw deflate for either")
  func formats() throws {
    let message = text(1000)
    let gzip = try #require(MessageEncoding.gzip.compress(message))
    let zlib = try #require(MessageEncoding.deflate.compress(message))
    #expect(gzip.starts(with: [0x1f, 0x8b]))
    #expect(zlib[0] == 0x78)
    #expect(code(gzip, .deflate) == .internal)
    #expect(code(zlib, .gzip) == .internal)
    for encoding in Self.compressing {
      #expect(code(Array(zlib[2..<zlib.count - 4]), encoding) == .internal)
    }
  }

  @Test("many threads compress at once, each its own")
  func threads() async {
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          let encoding = Self.compressing[number % 2]
          let message = [UInt8](repeating: UInt8(number), count: 2000 + number)
          return (0..<20).allSatisfy { _ in
            guard let compressed = encoding.compress(message) else { return false }
            return (try? encoding.decompress(compressed, limit: 4000)) == message
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  @Test(
    "the names of encodings are read by the grammar, and unknown ones skipped",
    arguments: [
      ("gzip", [.identity, .gzip]), ("identity, deflate ,\tgzip", .supported), ("", .identity),
      ("br,zstd", .identity), ("GZIP", .identity), (",,deflate,", [.identity, .deflate]),
      ("gzip;q=0", .identity), ("deflate gzip", .identity),
    ] as [(String, MessageEncodings)])
  func names(value: String, encodings: MessageEncodings) {
    #expect(MessageEncodings(names: Array(value.utf8).span) == encodings)
    #expect(MessageEncodings(names: Array(encodings.names.utf8).span) == encodings)
  }
}
