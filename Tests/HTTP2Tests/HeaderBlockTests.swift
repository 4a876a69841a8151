import Testing

@testable import HTTP2

@Suite("Header blocks")
struct HeaderBlockTests {
  private let all = HeaderBlock(["a": "1", "b": "2", "c": "3", "d": "4"])
  /// What each of them takes.
  private static let size = 10

  @Test("a part of blocks has its own fields only")
  func part() {
    let part = HeaderBlock(Self.size..<3 * Self.size, of: all)
    #expect(part == HeaderBlock(["b": "2", "c": "3"]))
    #expect(part.count == 2)
    #expect(part.first("a") == nil)
    #expect(part.first("c") == "3")
    #expect(part != HeaderBlock(["b": "2", "c": "x"]))
  }

  @Test("what is appended to a part goes to the part alone")
  func appendToPart() {
    var part = HeaderBlock(Self.size..<2 * Self.size, of: all)
    part.append("e", "5")
    #expect(part == HeaderBlock(["b": "2", "e": "5"]))
    #expect(all == HeaderBlock(["a": "1", "b": "2", "c": "3", "d": "4"]))
  }

  @Test("a part keeps its fields when the storage is used again")
  func reuse() {
    var blocks = all
    let part = HeaderBlock(0..<Self.size, of: blocks)
    blocks.removeAll(keeping: 1 << 10)
    blocks.append("x", "y")
    #expect(part == HeaderBlock(["a": "1"]))
    #expect(blocks == HeaderBlock(["x": "y"]))
  }

  @Test("only a block that is the same as an earlier one is dropped")
  func dropsTheSame() {
    var blocks = HeaderBlock(["a": "1", "b": "2"])
    let first = 0..<blocks.end
    for (fields, isSame) in [
      (["a": "1", "b": "2"], true), (["a": "1", "b": "3"], false), (["a": "1"], false),
      (["b": "2", "a": "1"], false), (["a": "1", "b": "2", "c": "3"], false),
    ] as [(KeyValuePairs<String, String>, Bool)] {
      let start = blocks.end
      for (name, value) in fields { blocks.append(name: name.utf8, value: value.utf8) }
      let end = blocks.end
      #expect(blocks.dropLast(from: start, ifAs: first) == isSame)
      #expect(blocks.end == (isSame ? start : end))
      if !isSame { #expect(HeaderBlock(start..<end, of: blocks) == HeaderBlock(fields)) }
    }
    #expect(HeaderBlock(first, of: blocks) == HeaderBlock(["a": "1", "b": "2"]))
  }
}
