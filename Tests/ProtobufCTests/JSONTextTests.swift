import BelayAPI
import Foundation
import Testing

/// Messages as JSON, for scripts.
@Suite struct JSONTextTests {
  @Test("Every field of the schema is there, under its JSON name and in its JSON form")
  func scalars() throws {
    let message = ShapesV1.Scalars(
      doubleValue: .infinity, int64Value: .min, uint64Value: .max, boolValue: true,
      stringValue: "a\"\\\n\u{1}ä", bytesValue: [0xFF, 0xFE], color: .unrecognized(9))
    #expect(
      try message.jsonText() == #"""
        {"doubleValue":"Infinity","floatValue":0.0,"int32Value":0,\#
        "int64Value":"-9223372036854775808","uint32Value":0,\#
        "uint64Value":"18446744073709551615","sint32Value":0,"sint64Value":"0","fixed32Value":0,\#
        "fixed64Value":"0","sfixed32Value":0,"sfixed64Value":"0","boolValue":true,\#
        "stringValue":"a\"\\\n\u0001ä","bytesValue":"//4=","color":9}
        """#)
  }

  @Test("Absent messages and members of a oneof are left out")
  func presence() throws {
    #expect(try ShapesV1.Choice(picked: .flag(false)).jsonText() == #"{"before":"","flag":false}"#)
    #expect(try ShapesV1.Bough().jsonText() == "{}")
  }

  @Test("Maps are objects, their keys strings, in the order of the keys")
  func maps() throws {
    let scalars = ShapesV1.Scalars()
    let message = ShapesV1.Maps(
      texts: ["b\"": "x", "": "y"], messages: [-7: scalars],
      colors: [true: .green, false: .unspecified], blobs: [.max: [255], 0: []],
      numbers: [-5: 0.5, .min: .nan])
    let text = #"""
      {"texts":{"":"y","b\"":"x"},"messages":{"-7":\#(try scalars.jsonText())},\#
      "colors":{"false":"COLOR_UNSPECIFIED","true":"COLOR_GREEN"},\#
      "blobs":{"0":"","18446744073709551615":"/w=="},\#
      "numbers":{"-9223372036854775808":"NaN","-5":0.5}}
      """#
    #expect(try message.jsonText() == text)
    let nested = ShapesV1.NoMap(texts: [.init(key: "k", value: "v")], maps: message)
    #expect(
      try nested.jsonText() == #"{"texts":[{"key":"k","value":"v"}],"maps":\#(text)}"#)
  }

  @Test("A map's messages are written as everywhere, maps within maps too")
  func mapsOfMessages() throws {
    let leaf = ShapesV1.Tree(label: "leaf")
    let tree = ShapesV1.Tree(label: "root", named: ["a": ShapesV1.Tree(named: ["b": leaf])])
    #expect(
      try tree.jsonText() == #"""
        {"label":"root","children":[],"named":{"a":{"label":"","children":[],\#
        "named":{"b":{"label":"leaf","children":[],"named":{}}}}}}
        """#)
    let detail = GoogleRpc.ErrorInfo(reason: "R", domain: "d", metadata: ["job": "nightly"])
    #expect(
      try detail.jsonText() == #"{"reason":"R","domain":"d","metadata":{"job":"nightly"}}"#)
  }

  @Test("Times are RFC 3339, durations seconds")
  func times() throws {
    let event = BelayV1.LeaseRenewal(
      epoch: 1, leaseTTL: GoogleProtobuf.Duration(.milliseconds(-1500)))
    #expect(try event.jsonText() == #"{"epoch":"1","leaseTtl":"-1.5s"}"#)
    let heartbeat = BelayV1.WatchSessionResponse.Heartbeat(
      sequence: 2, time: .init(seconds: 951_782_400, nanos: 250_000_000))
    #expect(
      try heartbeat.jsonText() == #"{"sequence":"2","time":"2000-02-29T00:00:00.25Z"}"#)
  }

  @Test(
    "Fractions of a second keep their place and their sign",
    arguments: [
      (0, 5_000_000, "0.005s"), (0, -500_000_000, "-0.5s"), (-1, 0, "-1s"), (3, 1, "3.000000001s"),
      (0, 0, "0s"),
    ] as [(Int64, Int32, String)])
  func fractions(seconds: Int64, nanos: Int32, text: String) throws {
    #expect(
      try GoogleProtobuf.Duration(seconds: seconds, nanos: nanos).jsonText() == "\"\(text)\"")
  }

  @Test("Numbers that JSON has no word for are strings, control characters escapes")
  func odd() throws {
    let text = try ShapesV1.Scalars(
      doubleValue: -.infinity, floatValue: .nan, stringValue: "\u{7F}\u{1F} \r\t"
    ).jsonText()
    #expect(text.hasPrefix(#"{"doubleValue":"-Infinity","floatValue":"NaN","#))
    #expect(text.contains(#""stringValue":"\u007f\u001f \r\t""#))
  }

  @Test("What is written is JSON, for messages of all shapes", arguments: 0..<60 as Range<UInt64>)
  func parses(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let texts = [
      try ShapesV1.Scalars(from: &random).jsonText(),
      try ShapesV1.Repeated(from: &random).jsonText(),
      try ShapesV1.Maps(from: &random).jsonText(),
      try ShapesV1.Choice(from: &random).jsonText(),
      try ShapesV1.Tree(from: &random).jsonText(),
    ]
    for text in texts {
      #expect(throws: Never.self, "seed \(seed): \(text)") {
        try JSONSerialization.jsonObject(with: Data(text.utf8))
      }
    }
  }
}
