import Testing

@testable import HTTP2

@Suite("Header blocks")
struct HeaderBlockTests {
  private let all = HeaderBlock(["a": "1", "b": "2", "c": "3", "d": "4"])

  @Test("a part of blocks has its own fields only")
  func part() {
    let part = HeaderBlock(1..<3, of: all)
    #expect(part == HeaderBlock(["b": "2", "c": "3"]))
    #expect(part.count == 2)
    #expect(part.first("a") == nil)
    #expect(part.first("c") == "3")
    #expect(part != HeaderBlock(["b": "2", "c": "x"]))
  }

  @Test("what is appended to a part goes to the part alone")
  func appendToPart() {
    var part = HeaderBlock(1..<2, of: all)
    part.append("e", "5")
    #expect(part == HeaderBlock(["b": "2", "e": "5"]))
    #expect(all == HeaderBlock(["a": "1", "b": "2", "c": "3", "d": "4"]))
  }

  @Test("a part keeps its fields when the storage is used again")
  func reuse() {
    var blocks = all
    let part = HeaderBlock(0..<1, of: blocks)
    blocks.removeAll(keeping: 1 << 10)
    blocks.append("x", "y")
    #expect(part == HeaderBlock(["a": "1"]))
    #expect(blocks == HeaderBlock(["x": "y"]))
  }
}
