/// Finds where frames begin in a stream of bytes cut anywhere (RFC 9113 §4.1).
///
/// It checks nothing: the library does. It exists because the library does not report frames that it
/// ignores (of unknown types, or on streams that are over), and a peer can send those for ever.
struct FrameScanner {
  /// What the first bytes of a frame's header say.
  struct Frame {
    let length: Int
    let type: UInt8

    /// Moves no request forward by itself. DATA and HEADERS neither: what they bring does, and they
    /// may bring nothing (padding, malformed requests, streams that are refused or over).
    var isIdle: Bool { type != 9 }  // CONTINUATION, which the library bounds
  }

  /// Bytes until the next header begins.
  private var skip: Int
  /// The bytes of a header cut by the end of a piece, the first in the highest place.
  private var partial: UInt64 = 0
  private var partialCount = 0

  /// The bytes of a header that are looked at: length and type; flags and the stream's id are not.
  private static let seen = 4
  private static let headerLength = 9

  /// `preface`: bytes before the first frame.
  init(preface: Int) { skip = preface }

  /// Calls `body` for each frame whose length and type end in this piece.
  mutating func scan(_ input: UnsafeRawBufferPointer, _ body: (Frame) -> Void) {
    var index = 0
    while true {
      let skipped = min(skip, input.count - index)
      index += skipped
      skip -= skipped
      while partialCount < Self.seen {
        guard index < input.count else { return }
        partial = partial << 8 | UInt64(input[index])
        partialCount += 1
        index += 1
      }
      let frame = Frame(
        length: Int(partial >> 8), type: UInt8(truncatingIfNeeded: partial))
      body(frame)
      partial = 0
      partialCount = 0
      skip = Self.headerLength - Self.seen + frame.length
    }
  }
}
