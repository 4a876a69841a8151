// Messages of every shape, as a seed has it.

extension ShapesV1.Color {
  init(from random: inout SeededRandom) {
    self =
      random.chance(70)
      ? Self.allCases[random.below(Self.allCases.count)] : Self(rawValue: random.integer())
  }
}

extension ShapesV1.Scalars {
  init(from random: inout SeededRandom) {
    self.init()
    if random.chance(70) { doubleValue = random.double() }
    if random.chance(70) { floatValue = Float(random.below(1000)) / 8 }
    if random.chance(70) { int32Value = random.integer() }
    if random.chance(70) { int64Value = random.integer() }
    if random.chance(70) { uint32Value = random.integer() }
    if random.chance(70) { uint64Value = random.integer() }
    if random.chance(70) { sint32Value = random.integer() }
    if random.chance(70) { sint64Value = random.integer() }
    if random.chance(70) { fixed32Value = random.integer() }
    if random.chance(70) { fixed64Value = random.integer() }
    if random.chance(70) { sfixed32Value = random.integer() }
    if random.chance(70) { sfixed64Value = random.integer() }
    boolValue = random.chance(50)
    if random.chance(70) { stringValue = random.text() }
    if random.chance(70) { bytesValue = random.bytes() }
    if random.chance(70) { color = ShapesV1.Color(from: &random) }
  }
}

extension ShapesV1.Repeated {
  init(from random: inout SeededRandom) {
    self.init()
    doubles = random.list { $0.double() }
    floats = random.list { Float($0.below(1000)) / 8 }
    int32s = random.list { $0.integer() }
    int64s = random.list { $0.integer() }
    uint32s = random.list { $0.integer() }
    uint64s = random.list { $0.integer() }
    sint32s = random.list { $0.integer() }
    sint64s = random.list { $0.integer() }
    fixed32s = random.list { $0.integer() }
    fixed64s = random.list { $0.integer() }
    sfixed32s = random.list { $0.integer() }
    sfixed64s = random.list { $0.integer() }
    bools = random.list { $0.chance(50) }
    strings = random.list { $0.text() }
    blobs = random.list { $0.bytes() }
    colors = random.list { ShapesV1.Color(from: &$0) }
    messages = random.list { ShapesV1.Scalars(from: &$0) }
    unpacked = random.list { $0.integer() }
  }
}

extension ShapesV1.Maps {
  init(from random: inout SeededRandom) {
    self.init()
    for _ in 0..<random.below(5) { texts[random.text()] = random.text() }
    for _ in 0..<random.below(5) { messages[random.integer()] = .init(from: &random) }
    for _ in 0..<random.below(3) { colors[random.chance(50)] = .init(from: &random) }
    for _ in 0..<random.below(5) { blobs[random.integer()] = random.bytes() }
    for _ in 0..<random.below(5) { numbers[random.integer()] = random.double() }
  }
}

extension ShapesV1.Choice {
  init(from random: inout SeededRandom) {
    self.init()
    before = random.text()
    switch random.below(9) {
    case 0: picked = .text(random.text())
    case 1: picked = .blob(random.bytes())
    case 2: picked = .inner(.init(mood: .good, id: random.text()))
    case 3: picked = .color(.init(from: &random))
    case 4: picked = .flag(random.chance(50))
    case 5: picked = .number(random.integer())
    case 6: picked = .real(random.double())
    case 7: picked = .none_(.init())
    default: picked = nil
    }
    if random.chance(50) { after = .init(mood: .unrecognized(77), id: random.text()) }
    if random.chance(50) { second = random.chance(50) ? .a(random.integer()) : .b(0) }
  }
}

extension ShapesV1.Tree {
  init(from random: inout SeededRandom, depth: Int = 0) {
    self.init()
    label = random.text()
    guard depth < 5 else { return }
    if random.chance(40) { left = .init(from: &random, depth: depth + 1) }
    if random.chance(40) {
      children = (0..<random.below(3)).map { _ in .init(from: &random, depth: depth + 1) }
    }
    if random.chance(30) { named[random.text()] = .init(from: &random, depth: depth + 1) }
    if random.chance(30) {
      tail = random.chance(50) ? .next(.init(from: &random, depth: depth + 1)) : .end("")
    }
    if random.chance(20) { bough = .init(tree: .init(from: &random, depth: depth + 1)) }
  }
}

extension ShapesV1.StringMessage {
  init(from random: inout SeededRandom) {
    self.init()
    `default` = random.text()
    `class` = random.integer()
    register = random.chance(50)
    init_ = random.text()
    self_ = random.text()
    `in` = random.list { $0.text() }
    `package` = random.text()
    c = random.text()
    arena = random.text()
    value = random.text()
    type = random.text()
    long = random.list { $0.integer() }
    new = random.text()
    requestID = random.text()
    `protocol` = random.text()
    camelCase = random.integer()
    `switch` = random.chance(50) ? .case(random.text()) : .return(random.integer())
  }
}
