/// Finds where frames begin in a stream of bytes cut anywhere (RFC 9113 §4.1).
///
/// It checks nothing: the library does. It exists because the library does not report frames that it
/// ignores (of unknown types, or on streams that are over), and a peer can send those for ever.
struct FrameScanner {
  /// What the first bytes of a frame's header say.
  struct Frame {
    let length: Int
    let type: UInt8
    let flags: UInt8

    /// Moves no request forward.
    var isIdle: Bool {
      switch type {
      case 0: length == 0 && flags & 1 == 0  // DATA without END_STREAM
      case 1, 9: false  // HEADERS and CONTINUATION, which the library bounds
      default: true
      }
    }
  }

  /// Bytes until the next header begins.
  private var skip: Int
  /// The bytes of a header cut by the end of a piece, the first in the highest place.
  private var partial: UInt64 = 0
  private var partialCount = 0

  /// The bytes of a header that are looked at: length, type, flags; the stream's id is not.
  private static let seen = 5
  private static let headerLength = 9

  /// `preface`: bytes before the first frame.
  init(preface: Int) { skip = preface }

  /// Calls `body` for each frame whose length, type and flags end in this piece.
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
        length: Int(partial >> 16), type: UInt8(truncatingIfNeeded: partial >> 8),
        flags: UInt8(truncatingIfNeeded: partial))
      body(frame)
      partial = 0
      partialCount = 0
      skip = Self.headerLength - Self.seen + frame.length
    }
  }
}
