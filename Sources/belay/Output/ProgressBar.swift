/// A bar of text for a share of a whole.
enum ProgressBar {
  /// `[######----]` with `width` cells between the brackets; an unknown whole draws an empty bar.
  static func text(done: UInt64, of total: UInt64, width: Int) -> String {
    guard width > 0 else { return "[]" }
    let share = total == 0 ? 0 : min(1, Double(done) / Double(total))
    let filled = Int(share * Double(width))
    return "[" + String(repeating: "#", count: filled)
      + String(repeating: "-", count: width - filled) + "]"
  }

  /// `42%`, or `  -` while the whole is unknown; four characters wide.
  static func percent(done: UInt64, of total: UInt64) -> String {
    guard total > 0 else { return "   -" }
    let text = "\(Int(min(1, Double(done) / Double(total)) * 100))%"
    return String(repeating: " ", count: max(0, 4 - text.count)) + text
  }
}
