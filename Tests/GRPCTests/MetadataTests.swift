import Testing

@testable import GRPC

@Suite("Metadata")
struct MetadataTests {
  /// The metadata that fields of the application's become.
  private func read(_ fields: [HeaderField]) throws -> Metadata {
    var reader = MetadataReader()
    for field in fields {
      reader.append(name: Array(field.name.utf8).span, value: Array(field.value.utf8).span)
    }
    return try reader.finish()
  }

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
      #expect(try read(fields) == metadata, "seed \(seed)")
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
    #expect(throws: RPCError.self) { try read([field]) }
  }

  @Test("values of one binary name may come joined by commas")
  func joined() throws {
    let field = HeaderField("a-bin", "Zg==, Zm8,,Zm9v")
    let metadata = try read([field])
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
    arguments: ["a\nb", "a\u{0}", "é", "\u{7f}", "\u{1f}"])
  func values(value: String) {
    var metadata = Metadata()
    #expect(throws: RPCError.self) { try metadata.add("a", value) }
    #expect(throws: RPCError.self) { try metadata.add("a-bin", "x") }
    #expect(throws: RPCError.self) { try metadata.addBinary("a", [1]) }
    #expect(throws: RPCError.self) { try read([HeaderField("a", value)]) }
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

  @Test("a request's block is taken up to its limit and not past it")
  func requestLimit() throws {
    let fields =
      RequestHead(path: "/a/b").fields(scheme: "http", authority: "here") + Self.twoFields
    var limits = CallLimits()
    limits.maximumMetadata = Self.size(fields)
    #expect(try RequestHead(fields: fields, limits: limits).metadata.count == 2)
    limits.maximumMetadata -= 1
    let refusal = #expect(throws: RequestRefusal.self) {
      try RequestHead(fields: fields, limits: limits)
    }
    #expect(refusal?.error.code == .resourceExhausted)
  }

  @Test("a response's blocks are taken up to their limit and not past it")
  func responseLimit() throws {
    var limits = CallLimits()
    let head = ResponseHead().fields + Self.twoFields
    limits.maximumMetadata = Self.size(head)
    #expect(try ResponseHead(fields: head, limits: limits).metadata.count == 2)
    limits.maximumMetadata -= 1
    let error = #expect(throws: RPCError.self) { try ResponseHead(fields: head, limits: limits) }
    #expect(error?.code == .resourceExhausted)

    let trailers = ResponseTrailers().fields + Self.twoFields
    limits.maximumMetadata = Self.size(trailers)
    let whole = ResponseTrailers(fields: trailers, isTrailersOnly: false, limits: limits)
    #expect(whole.code == .ok)
    #expect(whole.metadata.count == 2)
    limits.maximumMetadata -= 1
    let cut = ResponseTrailers(fields: trailers, isTrailersOnly: false, limits: limits)
    #expect(cut.code == .resourceExhausted)
    #expect(cut.metadata.isEmpty)
  }

  private static let twoFields = [HeaderField("name", "value"), HeaderField("name", "value")]

  /// As RFC 9113 §6.5.2 counts.
  private static func size(_ fields: [HeaderField]) -> Int {
    fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
  }
}
