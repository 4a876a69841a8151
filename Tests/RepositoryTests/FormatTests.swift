import Testing

@testable import Repository

@Suite("The parts of the format")
struct FormatTests {
  @Test("CRC-32C of RFC 3720 B.4's test data")
  func checksums() {
    func crc(_ bytes: [UInt8]) -> UInt32 { CRC32C.of(bytes.span.bytes) }
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(crc(Array(0..<32)) == 0x46DD_794E)
    #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
    var parts = CRC32C()
    parts.update(Array("1234".utf8).span.bytes)
    parts.update(Array("56789".utf8).span.bytes)
    #expect(parts.value == 0xE306_9283)
  }

  @Test("SHA-256 of FIPS 180-2's example, twice with one context")
  func hashes() {
    let hash = SHA256()
    for _ in 0..<2 {
      #expect(
        hash.digest(Array("abc".utf8).span.bytes).description
          == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
  }

  @Test(
    "Chunks cover their region, end at blocks, keep to their lengths and never mix zeros with data",
    arguments: 1...20 as ClosedRange<UInt64>)
  func chunks(seed: UInt64) {
    let region = MemoryDisk.random(size: 900_000 + Int(seed) * 511, seed: seed).bytes
    let chunker = Chunker(seed: seed)
    var start = 0
    while start < region.count {
      let (end, isHole) = chunker.chunk(in: region.span.bytes, from: start)
      #expect(end > start && end <= region.count, "seed \(seed)")
      #expect(end % Format.blockBytes == 0 || end == region.count, "seed \(seed)")
      let allZero = isZero(region.span.bytes.extracting(start..<end))
      #expect(allZero == isHole, "seed \(seed)")
      if !isHole {
        #expect(end - start <= chunker.largest, "seed \(seed)")
        for block in stride(from: start, to: end, by: Format.blockBytes) {
          let zeros = isZero(
            region.span.bytes.extracting(block..<min(block + Format.blockBytes, end)))
          #expect(!zeros, "seed \(seed)")
        }
      }
      start = end
    }
  }

  @Test("JSON has one text, and no other is taken")
  func canonicalJSON() throws {
    let value = CanonicalJSON.object([
      "b": .array([.number(0), .null, .string("a\"\\\u{1}é")]), "a": .object([:]),
    ])
    let text = #"{"a":{},"b":[0,null,"a\"\\\u0001é"]}"#
    #expect(String(decoding: value.encoded(), as: UTF8.self) == text)
    #expect(try CanonicalJSON(Array(text.utf8)) == value)
    let others = [
      "", " null", "null ", "nul", "nope", "01", "-1", "1.0", "9223372036854775808", "\"", "\"\\",
      "\"\\u", "\"\\u00", "\"\\u0041\"", "\"\\/\"", "[1,]", "[1 ]", "[", "{\"b\":1,\"a\":1}",
      "{\"a\":1,\"a\":1}", "{\"a\"}", "{", "\"\u{1}\"", "true",
      String(repeating: "[", count: 100_000),
    ]
    for other in others {
      #expect(throws: FormatError.self, "\(other.prefix(40))") {
        try CanonicalJSON(Array(other.utf8))
      }
    }
    #expect(throws: FormatError.self) { try CanonicalJSON([0x22, 0xFF, 0x22]) }
  }

  @Test("An index finds all that it holds, and nothing else", arguments: [0, 1, 7, 8, 9, 3000])
  func indexLookups(count: Int) throws {
    var numbers = SeededNumbers(seed: UInt64(count))
    func id() -> BlobID { BlobID(words: (numbers.next(), numbers.next(), numbers.next(), 1)) }
    var position: UInt32 = 64
    let records = (0..<count).map { _ in
      defer { position += 10 }
      return BlobRecord(
        id: id(), offset: position, storedLength: 10, rawLength: 10, kind: .data, encoding: .raw)
    }
    let half = count / 2
    let packs = [records[..<half], records[half...]].enumerated().map { number, records in
      FinishedPack(
        id: PackID(words: (UInt64(number), 0)), length: UInt64(position), records: Array(records))
    }
    let bytes = encodeIndex(
      of: packs, generation: 3, session: SessionTag(attempt()),
      time: .init(nanosecondsSinceEpoch: 0))
    let index = try IndexFile(name: "test", bytes: bytes)
    for (number, record) in records.enumerated() {
      #expect(
        index.location(of: record.id)
          == BlobLocation(pack: PackID(words: (number < half ? 0 : 1, 0)), record: record))
    }
    for _ in 0..<100 { #expect(index.location(of: id()) == nil) }
  }
}
