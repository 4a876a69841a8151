import HTTP2
import Testing

@testable import GRPC

@Suite("Little that would become much", .timeLimit(.minutes(2)), .serialized)
struct BombTests {
  /// A gzip stream (RFC 1952) of so many zero bytes, give or take a thousand; it is cut off where they
  /// end.
  ///
  /// One dynamic block (RFC 1951 §3.2.7), in which two zero bits are the match of length 258 at
  /// distance 1: as dense as DEFLATE can be.
  private static func gzipBomb(_ count: Int) -> [UInt8] {
    var bits = BitWriter()
    bits.write(1, 1)  // the last block
    bits.write(2, 2)  // dynamic codes
    bits.write(29, 5)  // 286 literals and lengths
    bits.write(0, 5)  // 1 distance
    // 18 code lengths, of: 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1.
    bits.write(14, 4)
    for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] { bits.write(length, 3) }
    // Codes of the lengths, first bit first: 18 is 0, 1 is 10, 2 is 11.
    func zeros(_ count: Int) {
      bits.write(0, 1)
      bits.write(count - 11, 7)
    }
    let one = (0b01, 2)
    let two = (0b11, 2)
    bits.write(two.0, two.1)  // literal 0: 10
    zeros(138)
    zeros(117)
    bits.write(two.0, two.1)  // end of block: 11
    zeros(28)
    bits.write(one.0, one.1)  // length 258: 0
    bits.write(one.0, one.1)  // distance 1: 0
    bits.write(0b01, 2)  // literal 0
    return [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + bits.bytes
      + [UInt8](repeating: 0, count: count / 1_032)
  }

  private struct BitWriter {
    var bytes: [UInt8] = []
    private var used = 0

    /// The lowest bit goes first.
    mutating func write(_ value: Int, _ count: Int) {
      for bit in 0..<count {
        if used % 8 == 0 { bytes.append(0) }
        bytes[bytes.count - 1] |= UInt8(value >> bit & 1) << UInt8(used % 8)
        used += 1
      }
    }
  }

  /// A gibibyte, in a message that is well below the limit of 4 MiB.
  private static let bomb = gzipBomb(1 << 30)

  private static func ask(_ fixture: Fixture, _ payload: [UInt8]) async throws -> RawAnswer {
    let length = (0..<4).map { UInt8(truncatingIfNeeded: payload.count >> (24 - 8 * $0)) }
    return try await RawConnection.ask(
      fixture.server.endpoint, HostileClientTests.headers(["grpc-encoding": "gzip"]),
      body: [1] + length + payload)
  }

  private static func isRefused(_ answer: RawAnswer) -> Bool {
    answer.status == "\(StatusCode.resourceExhausted.rawValue)"
      && answer.fields["grpc-message"]?.contains("decompressed") == true
  }

  @Test(
    "Messages that inflate to a gibibyte are refused at the limit, one or many", arguments: [1, 5])
  func gzip(atOnce count: Int) async throws {
    #expect(Self.bomb.count < 2 << 20)
    try await Fixture.run(.tcp) { fixture in
      try await Bystander.watch("\(count) gzip bombs", fixture) {
        try await withThrowingTaskGroup(of: RawAnswer.self) { group in
          for _ in 0..<count { group.addTask { try await Self.ask(fixture, Self.bomb) } }
          for try await answer in group { #expect(Self.isRefused(answer), "\(answer.fields)") }
        }
      }
    }
  }

  @Test("What is compressed twice is decompressed once")
  func nested() async throws {
    let outer = try #require(MessageEncoding.gzip.compress(Self.bomb))
    #expect(outer.count < 4 << 10)
    try await Fixture.run(.tcp) { fixture in
      let answer = try await Self.ask(fixture, outer)
      #expect(answer.status == "0")
      #expect(answer.body.dropFirst(5) == Self.bomb[...])
    }
  }

  // MARK: HPACK

  /// A field of 4 KiB that enters the table, which holds no more than 4,096 bytes with 32 for the entry.
  private static let large = Frames.indexed("x", String(repeating: "v", count: 4_000))
  /// The reference to the table's newest entry (RFC 7541 §6.1, §2.3.3).
  private static let newest: UInt8 = 0x80 | 62

  /// Blocks that are small, and whose lists are beyond a limit.
  private static let lists: [(name: String, http: String, block: [UInt8])] = [
    ("8 KiB, one of the size of the table", "200", large + [newest, newest]),
    ("16 KiB", "431", large + [UInt8](repeating: newest, count: 4)),
    ("40 MiB", "431", large + [UInt8](repeating: newest, count: 10_000)),
    (
      "8 KiB of many small ones", "200",
      Frames.indexed("x", "y") + [UInt8](repeating: newest, count: 260)
    ),
    (
      "1 MiB of many small ones", "431",
      Frames.indexed("x", "y") + [UInt8](repeating: newest, count: 12_000)
    ),
  ]

  @Test(
    "A header list made large by references is refused, and its connection goes on",
    arguments: lists)
  func references(_ test: (name: String, http: String, block: [UInt8])) async throws {
    try await Fixture.run(.tcp) { fixture in
      try await Bystander.watch(test.name, fixture) {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          // The answers refer to nothing: their first field is one of the static table, or a literal.
          for number in 0..<UInt32(4) {
            let id = Frames.id(number)
            #expect(await peer.send(Frames.headers(id, ends: true, test.block)))
            let heard = await peer.log.wait { $0.ended.contains(id) }
            #expect(heard.ended.contains(id) && heard.goAway == nil, "\(heard)")
          }
          let good = Frames.id(4)
          #expect(await peer.send(Frames.call(good)))
          let heard = await peer.log.wait { $0.ended.contains(good) }
          #expect(heard.frames[Frames.Kind.data.rawValue] == 1, "\(heard)")
        }
      }
    }
  }

  @Test("The status of a list beyond a limit says which", arguments: lists)
  func status(_ test: (name: String, http: String, block: [UInt8])) async throws {
    try await Fixture.run(.tcp) { fixture in
      let answer = try await RawConnection.hear(
        fixture.server.endpoint, after: Frames.headers(1, ends: true, test.block))
      #expect(answer.fields[":status"] == test.http)
      #expect(answer.status == "\(StatusCode.resourceExhausted.rawValue)", "\(answer.fields)")
    }
  }

  /// Changes of the table's size within a block (RFC 7541 §6.3), before its first field.
  private static let sizes: [(name: String, update: [UInt8])] = [
    ("a table of 4 GiB", [0x3f, 0xe0, 0xff, 0xff, 0xff, 0x0f]),
    ("a table of one byte too many", [0x3f, 0xe2, 0x1f]),
    ("a number without end", [0x3f] + [UInt8](repeating: 0xff, count: 100)),
    ("a reference to nothing", [0xff, 0xff, 0xff, 0xff, 0x07]),
    ("a text longer than the block", [0x00, 0x7f, 0xff, 0xff, 0xff, 0x07]),
  ]

  @Test("A table or text of a size that is not allowed ends the connection", arguments: sizes)
  func size(_ test: (name: String, update: [UInt8])) async throws {
    try await Fixture.run(.tcp) { fixture in
      try await Bystander.watch(test.name, fixture) {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          let block = test.update + Frames.block("/test.Echo/Say")
          #expect(
            await peer.send(
              Frames.frame(
                .headers, flags: Frames.endHeaders | Frames.endStream, stream: 1, block)))
          let heard = await peer.log.waitUntilClosed()
          #expect(heard.goAway == HTTP2ErrorCode.compressionError.rawValue, "\(heard)")
        }
      }
    }
  }

  @Test("Table sizes that go up and down in a block are borne, as often as a block has room for")
  func changingSizes() async throws {
    let updates = [[UInt8]](repeating: [0x20, 0x3f, 0xe1, 0x1f], count: 4_000).flatMap { $0 }
    try await Fixture.run(.tcp) { fixture in
      try await Bystander.watch("table sizes up and down", fixture) {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          let block = updates + Frames.block("/test.Echo/Say")
          #expect(
            await peer.send(
              Frames.frame(.headers, flags: Frames.endHeaders, stream: 1, block)
                + Frames.data(1, Frames.message([1]), ends: true)))
          let heard = await peer.log.wait { $0.ended == [1] }
          #expect(heard.ended == [1] && heard.goAway == nil, "\(heard)")
        }
      }
    }
  }
}
