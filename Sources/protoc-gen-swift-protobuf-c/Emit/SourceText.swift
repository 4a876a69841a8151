/// Swift source that is being written, line by line.
struct SourceText {
  private(set) var text = ""
  private var depth = 0

  mutating func line(_ line: String = "") {
    text += line.isEmpty ? "\n" : String(repeating: "  ", count: depth) + line + "\n"
  }

  /// `head {`, what `body` writes, `}`.
  mutating func block(
    _ head: String, end: String = "}",
    _ body: (inout SourceText) throws(GenerationError) -> Void
  ) throws(GenerationError) {
    line(head + " {")
    depth += 1
    try body(&self)
    depth -= 1
    line(end)
  }

  /// A proto comment as documentation; nothing if there is none.
  mutating func documentation(_ comment: String) {
    guard !comment.isEmpty else { return }
    var lines = comment.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    while lines.last?.allSatisfy(\.isWhitespace) == true { lines.removeLast() }
    for text in lines {
      line(("///" + (text.hasPrefix(" ") || text.isEmpty ? text : " " + text)).trimmedAtEnd)
    }
  }
}

extension String {
  fileprivate var trimmedAtEnd: String {
    var text = self
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
