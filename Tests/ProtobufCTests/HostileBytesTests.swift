import GRPC
import ProtobufC
import Testing

/// Bytes that are no message: each is refused with its reason, and none is a crash.
@Suite struct HostileBytesTests {
  private func code<Message: WireMessage>(_ type: Message.Type, _ bytes: [UInt8])
    -> ProtobufError.Code?
  {
    do {
      _ = try Message(wireBytes: bytes)
      return nil
    } catch { return (error as? ProtobufError)?.code }
  }

  @Test(
    "Strings that are not UTF-8 are refused, wherever they stand",
    arguments: ["ff", "c080", "eda080", "f4908080", "c3", "61e282"])
  func badUTF8(hex: String) {
    let text = [UInt8](hex: hex)
    let field = { (tag: UInt8, content: [UInt8]) in [tag, UInt8(content.count)] + content }
    #expect(code(ShapesV1.Scalars.self, field(0x72, text)) == .invalidUTF8)
    #expect(code(ShapesV1.Repeated.self, field(0x72, text)) == .invalidUTF8)
    #expect(code(ShapesV1.Maps.self, field(0x0A, field(0x0A, text))) == .invalidUTF8)
    #expect(code(ShapesV1.Choice.self, field(0x12, text)) == .invalidUTF8)
    #expect(code(ShapesV1.Tree.self, field(0x12, field(0x1A, field(0x0A, text)))) == .invalidUTF8)
    // In a `bytes` field they are as good as any.
    #expect(code(ShapesV1.Choice.self, field(0x1A, text)) == nil)
  }

  @Test("A string with U+0000 is refused both ways, never cut short")
  func embeddedNUL() throws {
    #expect(code(ShapesV1.Scalars.self, .init(hex: "7203610062")) == .embeddedNUL)
    #expect(throws: ProtobufError.self) { try ShapesV1.Scalars(stringValue: "a\0b").wireBytes() }
    #expect(throws: ProtobufError.self) { try ShapesV1.Maps(texts: ["\0": ""]).wireBytes() }
    #expect(throws: ProtobufError.self) { try ShapesV1.Choice(picked: .text("\0")).wireBytes() }
  }

  @Test(
    "Whatever is cut short is refused, or is a shorter message", arguments: 0..<20 as Range<UInt64>)
  func truncation(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let bytes = try ShapesV1.Repeated(from: &random).wireBytes()
    for length in bytes.indices {
      let found = code(ShapesV1.Repeated.self, Array(bytes[..<length]))
      #expect(found == nil || found == .malformed, "seed \(seed), length \(length)")
    }
    let whole = try ShapesV1.Tree(left: .init(label: "abc")).wireBytes()
    for length in 1..<whole.count {
      #expect(code(ShapesV1.Tree.self, Array(whole[..<length])) == .malformed)
    }
  }

  /// A tree within a tree and so on, from the inside out.
  private func nested(_ depth: Int, tag: UInt8) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 1..<depth { bytes = [tag] + varint(UInt64(bytes.count)) + bytes }
    return bytes
  }

  private func varint(_ value: UInt64) -> [UInt8] {
    var value = value
    var bytes: [UInt8] = []
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  @Test("A hundred messages may be nested, not one more", arguments: [0x12, 0x1A, 0x2A] as [UInt8])
  func nesting(tag: UInt8) {
    #expect(code(ShapesV1.Tree.self, nested(100, tag: tag)) == nil)
    #expect(code(ShapesV1.Tree.self, nested(101, tag: tag)) == .tooDeep)
    #expect(code(ShapesV1.Tree.self, nested(20_000, tag: tag)) == .tooDeep)
  }

  @Test(
    "A length of a gigabyte, or of more than there can be, is refused",
    arguments: [1 << 30, 1 << 31, (1 << 32) + 1, .max] as [UInt64])
  func hugeLengths(length: UInt64) {
    for tag: UInt8 in [0x72, 0x7A, 0x1A, 0x9A] {
      let tagBytes: [UInt8] = tag >= 0x80 ? [tag, 0x06] : [tag]
      #expect(code(ShapesV1.Scalars.self, tagBytes + varint(length) + [1, 2]) == .malformed)
      #expect(code(ShapesV1.Repeated.self, tagBytes + varint(length) + [1, 2]) == .malformed)
    }
  }

  @Test("A few bytes that ask for much memory are refused")
  func amplification() {
    // Two million empty messages of two hundred bytes each.
    let bytes = Array(repeating: [0xC2, 0x3E, 0x00] as [UInt8], count: 2_000_000).flatMap { $0 }
    #expect(code(ShapesV1.Repeated.self, bytes) == .tooLarge)
  }

  @Test(
    "What protobuf's encoding does not have is refused",
    arguments: [
      "00", "07", "0b0c", "13", "0e", "80", "ffffffffff", "ffffffffffffffffffff7f01",
      "18ffffffffffffffffffff01", "7a", "0900", "4d00", "f8ffffffff0f00",
    ])
  func grammar(hex: String) {
    #expect(code(ShapesV1.Scalars.self, .init(hex: hex)) == .malformed)
  }

  @Test(
    "A field of another wire type is refused",
    arguments: ["7001", "7500000000", "0a00", "1a00", "1d00000000", "6a00"])
  func wrongWireType(hex: String) {
    #expect(code(ShapesV1.Scalars.self, .init(hex: hex)) == .malformed)
  }

  @Test("A message that protobuf-c would merge by halves is refused")
  func duplicateMessages() throws {
    let after = try ShapesV1.Choice(after: .init(mood: .good)).wireBytes()
    #expect(code(ShapesV1.Choice.self, after + after) == .malformed)
    let picked = try ShapesV1.Choice(picked: .inner(.init(mood: .good))).wireBytes()
    #expect(code(ShapesV1.Choice.self, picked + picked) == .malformed)
    #expect(code(ShapesV1.Choice.self, picked + after) == nil)
    let repeated = try ShapesV1.Repeated(messages: [.init()]).wireBytes()
    #expect(code(ShapesV1.Repeated.self, repeated + repeated) == nil)
  }

  @Test("An error says where, and shows nothing of what was sent")
  func errorText() {
    do {
      _ = try ShapesV1.Maps(wireBytes: .init(hex: "0a030a01ff"))
      Issue.record("accepted")
    } catch {
      #expect("\(error)" == "shapes.v1.Maps.TextsEntry.key is not UTF-8.")
    }
  }
}
