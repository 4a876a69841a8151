/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  /// Often one of the numbers at which encodings change their length.
  mutating func integer<Value: FixedWidthInteger>() -> Value {
    switch below(6) {
    case 0: 0
    case 1: Value.min
    case 2: Value.max
    case 3: Value(truncatingIfNeeded: 1 << below(64))
    case 4: Value(truncatingIfNeeded: -below(300))
    default: Value(truncatingIfNeeded: next())
    }
  }

  mutating func double() -> Double {
    switch below(4) {
    case 0: 0
    case 1: .infinity
    case 2: -.leastNonzeroMagnitude
    default: Double(sign: .minus, exponent: below(600) - 300, significand: 1.5)
    }
  }

  mutating func text() -> String {
    let pieces = ["", "a", "ä", "\u{1F600}", "\n", "\u{7F}", "e\u{301}", "belay", "\u{FFFF}"]
    return (0..<below(5)).map { _ in pieces[below(pieces.count)] }.joined()
  }

  mutating func bytes() -> [UInt8] {
    (0..<below(7)).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  mutating func list<Value>(_ make: (inout SeededRandom) -> Value) -> [Value] {
    chance(30) ? [] : (0..<below(6)).map { _ in make(&self) }
  }
}
