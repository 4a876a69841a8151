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

    /// From the first `seen` bytes, the first in the highest place.
    fileprivate init(_ header: UInt64) {
      length = Int(truncatingIfNeeded: header >> 16)
      type = UInt8(truncatingIfNeeded: header >> 8)
      flags = UInt8(truncatingIfNeeded: header)
    }

    /// Moves no request forward by itself. DATA and HEADERS neither: what they bring does, and they
    /// may bring nothing (padding, malformed requests, streams that are refused or over).
    var isIdle: Bool { !isContinuation }

    /// The library bounds them.
    fileprivate var isContinuation: Bool { type == 9 }

    /// Leaves a header block open: no other frame may come until its end (RFC 9113 §6.2, §6.10).
    fileprivate var opensBlock: Bool {
      (type == 1 || type == 5 || isContinuation) && flags & 0x4 == 0  // HEADERS, PUSH_PROMISE
    }
  }

  /// Bytes until the next header begins.
  private var skip: Int
  /// The bytes of a header cut by the end of a piece, the first in the highest place.
  private var partial: UInt64 = 0
  private var partialCount = 0
  /// How many frames have begun, a whole header block counted as one.
  private var begun = 0
  private var isInBlock = false

  /// The bytes of a header that are looked at: length, type and flags; the stream's id is not.
  private static let seen = 5
  private static let headerLength = 9

  /// `preface`: bytes before the first frame.
  init(preface: Int) { skip = preface }

  /// The number of the frame or header block that has begun and is not whole; nil: there is none.
  var underWay: Int? {
    if partialCount > 0 { return isInBlock ? begun : begun + 1 }
    return begun > 0 && (skip > 0 || isInBlock) ? begun : nil
  }

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
      let frame = Frame(partial)
      if !frame.isContinuation { begun += 1 }
      isInBlock = frame.opensBlock
      body(frame)
      partial = 0
      partialCount = 0
      skip = Self.headerLength - Self.seen + frame.length
    }
  }
}
