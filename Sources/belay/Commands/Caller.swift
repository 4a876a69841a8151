import Foundation

/// Who calls, as the coordinator records it beside the peer's address (semantics.md R23).
enum Caller {
  static let header = "belay-principal"

  /// The user's login name; only what may stand in a header.
  static var name: String {
    let safe = NSUserName().unicodeScalars.filter { $0.isASCII && $0.value > 0x20 && $0.value < 0x7F }
    let name = String(String.UnicodeScalarView(safe).prefix(64))
    return name.isEmpty ? "unknown" : name
  }
}
