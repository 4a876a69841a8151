import GRPC
import Testing

/// What is encoded and decoded again is the same, for messages of all shapes.
@Suite struct RoundTripTests {
  private func check<Message: WireMessage & Equatable>(_ message: Message, seed: UInt64) throws {
    let bytes = try message.wireBytes()
    let again = try Message(wireBytes: bytes)
    #expect(again == message, "seed \(seed)")
    #expect(try again.wireBytes() == bytes, "seed \(seed): equal messages, other bytes")
  }

  @Test("Every shape comes back as it was", arguments: 0..<200 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    try check(ShapesV1.Scalars(from: &random), seed: seed)
    try check(ShapesV1.Repeated(from: &random), seed: seed)
    try check(ShapesV1.Maps(from: &random), seed: seed)
    try check(ShapesV1.Choice(from: &random), seed: seed)
    try check(ShapesV1.Tree(from: &random), seed: seed)
    try check(ShapesV1.StringMessage(from: &random), seed: seed)
    try check(ShapesV1.Empty(), seed: seed)
  }

  @Test("protoc reads our bytes, and we read protoc's", arguments: 0..<12 as Range<UInt64>)
  func agreesWithProtoc(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    try checkWithProtoc(ShapesV1.Scalars(from: &random), "shapes.v1.Scalars", seed: seed)
    try checkWithProtoc(ShapesV1.Repeated(from: &random), "shapes.v1.Repeated", seed: seed)
    try checkWithProtoc(ShapesV1.Maps(from: &random), "shapes.v1.Maps", seed: seed)
    try checkWithProtoc(ShapesV1.Choice(from: &random), "shapes.v1.Choice", seed: seed)
    try checkWithProtoc(ShapesV1.Tree(from: &random), "shapes.v1.Tree", seed: seed)
    try checkWithProtoc(ShapesV1.StringMessage(from: &random), "shapes.v1.String", seed: seed)
  }

  private func checkWithProtoc<Message: WireMessage & Equatable>(
    _ message: Message, _ type: String, seed: UInt64
  ) throws {
    let text = try Protoc.decode(try message.wireBytes(), as: type)
    let theirs = try Message(wireBytes: try Protoc.encode(text, as: type))
    #expect(theirs == message, "seed \(seed): \(text)")
  }

  @Test("An enum keeps numbers that it does not know, and equals by number")
  func unknownEnumNumbers() throws {
    let message = ShapesV1.Scalars(color: .unrecognized(123_456))
    #expect(try ShapesV1.Scalars(wireBytes: message.wireBytes()).color.rawValue == 123_456)
    #expect(ShapesV1.Color.unrecognized(1) == .red)
    #expect(ShapesV1.Color(rawValue: -3) == .dark)
    #expect(ShapesV1.Color.vert == .green)
  }

  @Test("Fields that are not known are skipped")
  func unknownFields() throws {
    // Field 99 as a number and as bytes, around field 14.
    let bytes = [UInt8](hex: "9806 05 7202 6869 9a06 03 ffffff")
    #expect(try ShapesV1.Scalars(wireBytes: bytes).stringValue == "hi")
  }

  @Test("Of a field's values the last one counts")
  func lastValueWins() throws {
    let first = try ShapesV1.Choice(before: "a").wireBytes()
    let second = try ShapesV1.Choice(before: "b").wireBytes()
    #expect(try ShapesV1.Choice(wireBytes: first + second).before == "b")
  }

  @Test("Of two members of a oneof the last one counts")
  func lastOneofWins() throws {
    let text = try ShapesV1.Choice(picked: .text("a")).wireBytes()
    let inner = try ShapesV1.Choice(picked: .inner(.init(id: "b"))).wireBytes()
    #expect(try ShapesV1.Choice(wireBytes: text + inner).picked == .inner(.init(id: "b")))
    #expect(try ShapesV1.Choice(wireBytes: inner + text).picked == .text("a"))
  }

  @Test("Packed and unpacked numbers are read alike")
  func packedness() throws {
    #expect(try ShapesV1.Repeated(wireBytes: .init(hex: "18011802")).int32s == [1, 2])
    #expect(try ShapesV1.Repeated(wireBytes: .init(hex: "1a020102")).int32s == [1, 2])
    #expect(try ShapesV1.Repeated(wireBytes: .init(hex: "8a01020102")).unpacked == [1, 2])
  }
}
