import GRPC
import HTTP2

/// The heads of one connection's calls, of which each tends to be as the one before but for path and
/// timeout (RFC 7541 rests on it): then the rest is only compared.
struct RequestHeads {
  /// A class, so that looking at it copies nothing.
  private final class Known: Sendable {
    let block: HeaderBlock
    let head: RequestHead

    init(_ block: HeaderBlock, _ head: RequestHead) {
      self.block = block
      self.head = head
    }
  }

  private var reader: RequestHeadReader
  /// What was last read.
  private var known: Known?

  /// Larger heads are not remembered, so that an idle connection costs little.
  private static let rememberedBytes = 1 << 10

  init(_ reader: RequestHeadReader) { self.reader = reader }

  /// The head that a block makes.
  ///
  /// - Throws: what `RequestHeadReader.finish()` does.
  mutating func read(_ block: HeaderBlock) throws(RequestRefusal) -> RequestHead {
    if let known, let head = amended(known, by: block) { return head }
    block.forEachField { reader.read(name: $0, value: $1) }
    let head = try reader.finish()
    let isSmall = block.byteCount <= Self.rememberedBytes
    known = isSmall ? Known(block.copy(), head) : nil
    return head
  }

  /// Nil: the block has to be read.
  private func amended(_ known: Known, by block: HeaderBlock) -> RequestHead? {
    if block == known.block { return known.head }
    // One that is not longer keeps to the limits that the known one kept to.
    guard block.byteCount <= known.block.byteCount else { return nil }
    var head = known.head
    let isAmended = block.forEachChange(since: known.block) {
      reader.amend(&head, name: $0, value: $1)
    }
    return isAmended ? head : nil
  }
}
