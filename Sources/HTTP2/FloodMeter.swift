/// Bounds the frames that cost us work and move no request forward (facts of RFC 9113 §10.5).
///
/// A peer starts with a balance; each idle frame takes one, each useful thing, received or sent, gives
/// two back, and `renew` fills the balance: call it about once a second of activity.
struct FloodMeter {
  private let full: Int
  private var balance: Int

  init(allowance: Int) {
    full = allowance
    balance = allowance
  }

  /// True when the peer has overdrawn. Ask once a piece of input is worked off: its frames are all
  /// charged before it is known what they bring.
  var isExhausted: Bool { balance < 0 }

  mutating func useful() { balance = min(balance &+ 2, full) }

  mutating func idle() { balance -= 1 }

  mutating func renew() { if balance >= 0 { balance = full } }
}
