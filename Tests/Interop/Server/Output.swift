import Glibc

/// Lines for whoever started this process.
enum Output {
  /// Writes a line to standard output, and does not keep it back: a pipe is not a terminal.
  static func line(_ text: String) {
    print(text)
    fflush(nil)
  }
}
