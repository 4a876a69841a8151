import HTTP2
import Testing

@Suite("What a peer has begun and not ended")
struct FrameUnderWayTests {
  private typealias Raw = HostilePeerTests

  /// After which of these pieces something is under way, and how many things that are.
  private func look(_ pieces: [[UInt8]]) throws -> (open: [Bool], things: Int) {
    let peer = try Peer(.server)
    try peer.hear((Raw.preface + Raw.frame(4))[...])
    var open: [Bool] = []
    var things: Set<Int> = []
    for piece in pieces {
      try peer.hear(piece[...])
      open.append(peer.session.frameUnderWay != nil)
      if let thing = peer.session.frameUnderWay { things.insert(thing) }
    }
    return (open, things.count)
  }

  @Test("A frame is one thing from its first byte until its last")
  func frames() throws {
    let ping = Raw.frame(6, [UInt8](repeating: 0, count: 8))
    let looks = try look((ping + ping + Raw.frame(4, flags: 1)).map { [$0] })
    let whole = [[Bool](repeating: true, count: 16) + [false]]
    #expect(looks.open == (whole + whole).joined() + [Bool](repeating: true, count: 8) + [false])
    #expect(looks.things == 3)
  }

  @Test("A header block is one thing, however many frames it has")
  func block() throws {
    let part = Array(Raw.tinyRequest[..<3])
    let rest = Array(Raw.tinyRequest[3...])
    // The library counts the pieces of continuations' headers as if each were one: few of them.
    var pieces = Raw.frame(1, stream: 1, part).map { [$0] }
    for frame in [Raw.frame(9, stream: 1), Raw.frame(9, flags: 4, stream: 1, rest)] {
      pieces += [Array(frame[..<1]), Array(frame[1..<5]), Array(frame[5...])]
    }
    let looks = try look(pieces)
    #expect(looks.open == [Bool](repeating: true, count: pieces.count - 1) + [false])
    #expect(looks.things == 1)
  }

  @Test("The preface is no frame")
  func preface() throws {
    let peer = try Peer(.server)
    #expect(peer.session.frameUnderWay == nil)
    try peer.hear(Raw.preface[..<20])
    #expect(peer.session.frameUnderWay == nil)
  }
}
