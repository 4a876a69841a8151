import GRPC
import Testing

/// Bytes that were written down once: the wire must never change. protoc is asked whether it agrees.
@Suite struct GoldenBytesTests {
  struct Golden: Sendable, CustomTestStringConvertible {
    let type: String
    let text: String
    let hex: String
    let bytes: @Sendable () throws -> [UInt8]

    var testDescription: String { "\(type) {\(text)}" }
  }

  static let goldens: [Golden] = [
    Golden(
      type: "shapes.v1.Scalars",
      text: "double_value: 1.5 int32_value: -1 sint32_value: -2 fixed64_value: 7 bool_value: true "
        + "string_value: 'hä' bytes_value: '\\000\\377' color: COLOR_DARK",
      hex: "09000000000000f83f18ffffffffffffffffff0138035107000000000000006801720368c3a47a0200ff"
        + "8001fdffffffffffffffff01"
    ) {
      try ShapesV1.Scalars(
        doubleValue: 1.5, int32Value: -1, sint32Value: -2, fixed64Value: 7, boolValue: true,
        stringValue: "hä", bytesValue: [0, 255], color: .dark
      ).wireBytes()
    },
    Golden(
      type: "shapes.v1.Repeated",
      text: "int32s: 1 int32s: 300 bools: true bools: false strings: 'a' strings: '' "
        + "messages {} messages { int32_value: 1 } unpacked: 1 unpacked: 2",
      hex: "1a0301ac026a020100720161720088010188 0102 c23e00 c23e021801"
    ) {
      try ShapesV1.Repeated(
        int32s: [1, 300], bools: [true, false], strings: ["a", ""],
        messages: [.init(), .init(int32Value: 1)], unpacked: [1, 2]
      ).wireBytes()
    },
    Golden(
      type: "shapes.v1.Maps",
      text: "texts { key: 'a' value: 'b' } messages { key: 5 value { int32_value: 2 } }",
      hex: "0a060a01611201621206080512021802"
    ) {
      try ShapesV1.Maps(texts: ["a": "b"], messages: [5: .init(int32Value: 2)]).wireBytes()
    },
    Golden(
      type: "shapes.v1.Choice", text: "flag: false after { id: 'z' } b: 0",
      hex: "3000520312017a6000"
    ) {
      try ShapesV1.Choice(picked: .flag(false), after: .init(id: "z"), second: .b(0)).wireBytes()
    },
    Golden(
      type: "shapes.v1.Tree", text: "left { next { end: '' } } bough { tree { label: 'x' } }",
      hex: "12042a0232003a050a030a0178"
    ) {
      try ShapesV1.Tree(
        left: .init(tail: .next(.init(tail: .end("")))), bough: .init(tree: .init(label: "x"))
      ).wireBytes()
    },
  ]

  @Test(
    "The bytes are those that were written down, and protoc writes the same", arguments: goldens)
  func golden(_ golden: Golden) throws {
    let expected = [UInt8](hex: golden.hex).hex
    #expect(try golden.bytes().hex == expected)
    #expect(try Protoc.encode(golden.text, as: golden.type).hex == expected)
  }

  @Test("A map's entries are in the order of their keys' bytes")
  func mapOrder() throws {
    let maps = ShapesV1.Maps(texts: ["b": "", "a": "", "ä": "", "B": ""])
    #expect(try maps.wireBytes().hex == "0a030a01420a030a01610a030a01620a040a02c3a4")
    let numbers = ShapesV1.Maps(colors: [true: .red, false: .red], numbers: [-1: 1, 1: 1])
    let expected = [UInt8](hex: "1a021001 1a0408011001 2a0b0801 11000000000000f03f")
    #expect(try numbers.wireBytes().starts(with: expected))
  }
}
