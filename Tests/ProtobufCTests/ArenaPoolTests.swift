import Testing

@testable import ProtobufC

@Suite("Arenas that are used again")
struct ArenaPoolTests {
  @Test("what one message was limited to does not limit the next one")
  func limits() {
    let first = ArenaPool.take()
    first.limit(toBytes: 16)
    #expect(first.allocate(32) == nil)
    #expect(first.isExhausted)
    ArenaPool.giveBack(first)
    let next = ArenaPool.take()
    #expect(!next.isExhausted)
    #expect(next.allocate(1 << 20) != nil)
    ArenaPool.giveBack(next)
  }

  @Test("memory is handed out anew only once the arena was given back")
  func reuse() {
    let outer = ArenaPool.take()
    let kept = outer.allocate(64)
    let inner = ArenaPool.take()
    #expect(inner !== outer)
    #expect(inner.allocate(64) != kept)
    ArenaPool.giveBack(inner)
    ArenaPool.giveBack(outer)
  }

  @Test("each piece is apart from the others, whatever the sizes", arguments: [1, 7, 4_096, 9_000])
  func pieces(size: Int) {
    let arena = MessageArena()
    for _ in 0..<2 {
      let places = (0..<50).compactMap { _ in arena.allocate(size).map { Int(bitPattern: $0) } }
        .sorted()
      #expect(places.count == 50)
      #expect(zip(places, places.dropFirst()).allSatisfy { $1 - $0 >= size })
      #expect(places.allSatisfy { $0 % 8 == 0 })
      arena.reset()
    }
  }
}
