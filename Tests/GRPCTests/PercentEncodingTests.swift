import GRPC
import Testing

@Suite("grpc-message")
struct PercentEncodingTests {
  @Test("decoding takes back what encoding does, for any text")
  func roundTrip() {
    for seed in UInt64(1)...200 {
      var random = SeededRandom(seed: seed)
      let alphabet = Array("ab %\r\n\t\u{0}~é漢🧑‍🚀\u{7f}\u{85}25")
      let text = String(
        (0..<Int.random(in: 0...40, using: &random)).map { _ in
          alphabet.randomElement(using: &random) ?? " "
        })
      let encoded = PercentEncoding.encode(text)
      #expect(
        PercentEncoding.decode(encoded).unicodeScalars.elementsEqual(text.unicodeScalars),
        "seed \(seed)")
      #expect(encoded.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "seed \(seed)")
      #expect(encoded.utf8.first != 0x20 && encoded.utf8.last != 0x20, "seed \(seed)")
    }
  }

  @Test(
    "the known examples",
    arguments: [
      ("", ""), ("plain text, 100 %", "plain text, 100 %25"), ("a\r\nb", "a%0D%0Ab"),
      (
        "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
        "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A"
      ),
      (" x ", "%20x%20"), (" ", "%20"),
    ])
  func examples(text: String, encoded: String) {
    #expect(PercentEncoding.encode(text) == encoded)
    #expect(PercentEncoding.decode(encoded) == text)
  }

  @Test(
    "what is no escape stays, what is no UTF-8 is replaced",
    arguments: [
      ("%", "%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("100%", "100%"), ("%%41", "%A"),
      ("%ff", "\u{fffd}"), ("%e2%98", "\u{fffd}"), ("%c3%a9", "é"), ("a%", "a%"),
    ])
  func damaged(encoded: String, text: String) {
    #expect(PercentEncoding.decode(encoded) == text)
  }
}
