/// xoshiro256** seeded by SplitMix64 (Blackman and Vigna): the same sequence for the same seed, everywhere.
struct Random {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  /// `purpose` keeps streams apart, so that one more draw here changes nothing there.
  init(seed: UInt64, purpose: UInt64) {
    var seed = seed &+ purpose &* 0xD1B5_4A32_D192_ED03
    func next() -> UInt64 {
      seed &+= 0x9E37_79B9_7F4A_7C15
      var z = seed
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    state = (next(), next(), next(), next())
  }

  mutating func next() -> UInt64 {
    func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
    let result = rotate(state.1 &* 5, 7) &* 9
    let t = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= t
    state.3 = rotate(state.3, 45)
    return result
  }

  /// A fingerprint of how much was drawn.
  var peek: UInt64 { state.0 }

  /// The bias of the remainder is below 2⁻⁴⁰ for the small ranges used here.
  mutating func int(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  /// From 0 up to 1.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  mutating func chance(_ probability: Double) -> Bool {
    probability > 0 && unit() < probability
  }

  mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(int(range)) }

  mutating func pick<C: RandomAccessCollection>(_ items: C) -> C.Element where C.Index == Int {
    items[items.startIndex + int(0...(items.count - 1))]
  }
}
