import Foundation
import Glibc

/// Standard output: a terminal that can redraw its last lines, or a pipe that takes plain lines.
struct Terminal {
  /// Whether a person watches: standard output is a terminal that understands cursor movement.
  let isInteractive: Bool
  private var drawnLines = 0

  init() {
    let kind = getenv("TERM").map { String(cString: $0) } ?? "dumb"
    isInteractive = isatty(STDOUT_FILENO) == 1 && kind != "dumb"
  }

  /// In columns; 80 where the terminal does not say.
  var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes a line that stays, above what ``redraw(_:)`` keeps at the bottom.
  mutating func write(_ line: String) {
    erase()
    emit(line + "\n")
  }

  /// Replaces the lines drawn last. Nothing on a pipe.
  mutating func redraw(_ lines: [String]) {
    guard isInteractive else { return }
    erase()
    let width = width
    emit(lines.map { String($0.prefix(width)) + "\n" }.joined())
    drawnLines = lines.count
  }

  private mutating func erase() {
    guard drawnLines > 0 else { return }
    emit("\u{1B}[\(drawnLines)A\u{1B}[J")
    drawnLines = 0
  }

  private func emit(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      // The reader is gone (the network library ignores SIGPIPE): end as every filter's writer does.
      exit(128 + SIGPIPE)
    }
  }
}

/// Writes to standard error, where neither a pipe nor `--output json` is disturbed.
func printError(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
}
