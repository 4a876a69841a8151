/// Cuts a region into chunks (repository.md, 'Chunks').
///
/// Ends lie at multiples of 4 KiB from the region's start. A change between zero and other blocks ends a chunk; else,
/// from the smallest length on, a block's own hash says whether it is the last, so that moved content is cut at the
/// same places.
struct Chunker: Hashable, Sendable {
  /// Of the hash that cuts; chosen once for a repository.
  let seed: UInt64
  let smallest: Int
  let largest: Int
  /// The hash of one block in `interval` is below the threshold.
  let interval: UInt64

  init(seed: UInt64) {
    self.seed = seed
    smallest = 16 << 10
    largest = Format.largestBlob
    interval = 12
  }

  /// The chunk of `region` that begins at `start`.
  func chunk(in region: RawSpan, from start: Int) -> (end: Int, isZero: Bool) {
    let threshold = UInt64.max / interval
    let size = region.byteCount
    let startsZero = isZero(region.extracting(start..<min(start + Format.blockBytes, size)))
    var end = start
    while end < size {
      let block = region.extracting(end..<min(end + Format.blockBytes, size))
      if end > start, isZero(block) != startsZero { break }
      end += block.byteCount
      if startsZero { continue }
      if end - start >= largest { break }
      if end - start >= smallest, fastHash(block, seed: seed) < threshold { break }
    }
    return (end, startsZero)
  }
}
