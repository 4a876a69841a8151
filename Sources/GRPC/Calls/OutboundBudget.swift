/// How far one direction may write ahead of what is sent.
struct OutboundBudget: ~Copyable {
  private let highWaterMark: Int
  private let lowWaterMark: Int
  private var pending = 0
  /// How many messages were written.
  var writtenCount = 0

  init(_ limits: CallLimits) {
    highWaterMark = limits.highWaterMark
    lowWaterMark = limits.lowWaterMark
  }

  /// Whether another message may be written now.
  var hasRoom: Bool { pending <= highWaterMark }

  mutating func written(_ bytes: Int) {
    pending += bytes
    writtenCount += 1
  }

  /// Answers whether writers that wait go on.
  mutating func sent(_ bytes: Int) -> Bool {
    pending -= min(bytes, pending)
    return pending <= lowWaterMark
  }
}
