import Synchronization

@testable import Repository

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
    return Array(bytes.prefix(count))
  }

  /// Text of few words: it compresses.
  mutating func text(_ count: Int) -> [UInt8] {
    let words = ["restore ", "point ", "checkpoint ", "lease ", "session ", "\n"].map {
      Array($0.utf8)
    }
    var bytes: [UInt8] = []
    while bytes.count < min(count, 2_000) { bytes += words[Int(next() % 6)] }
    while bytes.count < count { bytes += bytes.prefix(count - bytes.count) }
    return Array(bytes.prefix(count))
  }
}

/// A disk in memory; runs of zeros of 64 KiB are told as holes.
struct MemoryDisk: DiskSource {
  var bytes: [UInt8]

  var size: UInt64 { UInt64(bytes.count) }

  func extents(in range: Range<UInt64>) throws -> [SourceExtent] {
    var extents: [SourceExtent] = []
    var start = Int(range.lowerBound)
    while start < Int(range.upperBound) {
      let end = min((start / 65536 + 1) * 65536, Int(range.upperBound))
      let isHole = isZero(bytes.span.bytes.extracting(start..<end))
      extents.append(SourceExtent(range: UInt64(start)..<UInt64(end), isHole: isHole))
      start = end
    }
    return extents
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws {
    let start = Int(offset)
    copy(bytes.span.bytes.extracting(start..<start + buffer.byteCount), to: &buffer)
  }

  /// Zeros, text, noise and repeats in runs of any length; `size` need not be a multiple of anything.
  static func random(size: Int, seed: UInt64) -> MemoryDisk {
    var numbers = SeededNumbers(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    while bytes.count < size {
      let count = Int.random(in: 1...300_000, using: &numbers)
      switch Int.random(in: 0..<4, using: &numbers) {
      case 0: bytes += [UInt8](repeating: 0, count: count)
      case 1: bytes += numbers.text(count)
      case 2: bytes += numbers.bytes(count)
      default: bytes += bytes.suffix(count)
      }
    }
    return MemoryDisk(bytes: Array(bytes.prefix(size)))
  }
}

/// A restore's target in memory; zeros until written.
final class MemorySink: DiskSink {
  private let contents: Mutex<[UInt8]>

  init(size: Int) { contents = Mutex([UInt8](repeating: 0, count: size)) }

  var bytes: [UInt8] { contents.withLock { $0 } }

  func write(_ bytes: RawSpan, at offset: UInt64) throws {
    let array = bytes.withUnsafeBytes { Array($0) }
    contents.withLock { $0.replaceSubrange(Int(offset)..<Int(offset) + array.count, with: array) }
  }
}
