import Foundation

/// Who calls, as the coordinator records it beside the peer's address (semantics.md R23).
enum Caller {
  static let header = "belay-principal"

  /// The user's login name; only what may stand in a header.
  static var name: String {
    let safe = NSUserName().unicodeScalars.filter { (0x21...0x7E).contains($0.value) }
    let name = String(String.UnicodeScalarView(safe).prefix(64))
    return name.isEmpty ? "unknown" : name
  }
}
