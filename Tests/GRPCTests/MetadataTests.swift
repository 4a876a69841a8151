import Testing

@testable import GRPC

@Suite("Metadata")
struct MetadataTests {
  @Test("what is sent is what comes, in order")
  func roundTrip() throws {
    for seed in UInt64(1)...100 {
      var random = SeededRandom(seed: seed)
      var metadata = Metadata()
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        let name = ["a", "x-y", "z_0.9"].randomElement(using: &random) ?? "a"
        if Bool.random(using: &random) {
          try metadata.addBinary(
            "\(name)-bin", random.bytes(Int.random(in: 0...20, using: &random)))
        } else {
          let characters = random.bytes(Int.random(in: 0...20, using: &random)).map {
            0x20 + $0 % 0x5f
          }
          try metadata.add(name, String(decoding: characters, as: UTF8.self))
        }
      }
      var fields: [HeaderField] = []
      metadata.append(to: &fields)
      #expect(try Metadata(fields: fields, limit: 8192) == metadata, "seed \(seed)")
    }
  }

  @Test(
    "base64 is read with and without padding",
    arguments: [
      ("", []), ("Zg", [102]), ("Zg==", [102]), ("Zm8=", [102, 111]), ("Zm9v", [102, 111, 111]),
      ("+/8", [251, 255]),
    ] as [(String, [UInt8])])
  func base64(text: String, bytes: [UInt8]) {
    #expect(Base64.decode(text.utf8) == bytes)
  }

  @Test(
    "what is not base64 is refused",
    arguments: ["Z", "Zg=", "Z===", "=", "Zg==Zg==", "Z g", "Zm9vé"])
  func notBase64(text: String) {
    #expect(Base64.decode(text.utf8) == nil)
    let field = HeaderField("a-bin", text)
    #expect(throws: RPCError.self) { try Metadata(fields: [field], limit: 8192) }
  }

  @Test("values of one binary name may come joined by commas")
  func joined() throws {
    let field = HeaderField("a-bin", "Zg==, Zm8,,Zm9v")
    let metadata = try Metadata(fields: [field], limit: 8192)
    #expect(metadata.binaries(named: "A-Bin") == [[102], [102, 111], [], [102, 111, 111]])
  }

  @Test(
    "names that belong to gRPC or HTTP, or are none, are refused",
    arguments: [
      "", "grpc-status", "grpc-anything", "te", "content-type", "Connection", ":path", "a b", "é",
      "a\r\nb", "a:b",
    ])
  func names(name: String) {
    var metadata = Metadata()
    #expect(throws: RPCError.self) { try metadata.add(name, "x") }
    #expect(throws: RPCError.self) { try metadata.addBinary(name + "-bin\n", [1]) }
    #expect(metadata.isEmpty)
  }

  @Test(
    "a value must be printable, and of its name's kind",
    arguments: ["a\nb", "a\u{0}", "é", "\u{7f}"])
  func values(value: String) {
    var metadata = Metadata()
    #expect(throws: RPCError.self) { try metadata.add("a", value) }
    #expect(throws: RPCError.self) { try metadata.add("a-bin", "x") }
    #expect(throws: RPCError.self) { try metadata.addBinary("a", [1]) }
    #expect(throws: RPCError.self) {
      try Metadata(fields: [HeaderField("a", value)], limit: 8192)
    }
  }

  @Test("names are looked up in any case, repeated values kept in order")
  func lookUp() throws {
    var metadata = Metadata()
    try metadata.add("X-Name", " one ")
    try metadata.add("x-name", "two")
    #expect(metadata["X-NAME"] == "one")
    #expect(metadata.strings(named: "x-Name") == ["one", "two"])
    metadata.removeAll(named: "X-NAME")
    #expect(metadata["x-name"] == nil)
  }

  @Test("a block is taken up to its limit and not past it")
  func limit() throws {
    let field = HeaderField("name", "value")  // 4 + 5 + 32 bytes
    #expect(try Metadata(fields: [field, field], limit: 82).count == 2)
    #expect {
      try Metadata(fields: [field, field], limit: 81)
    } throws: { ($0 as? RPCError)?.code == .resourceExhausted }
  }
}
