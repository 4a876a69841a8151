import GRPC
import NIOCore

/// How slowly clients may send what they have begun.
///
/// What is held to it: a frame and a header block that have begun (else the connection ends, GOAWAY
/// ENHANCE_YOUR_CALM), a message that has begun, and the request of a method that takes only one, until
/// the client has ended its side (else the call ends with DEADLINE_EXCEEDED). A client may be silent
/// between the messages of a stream as long as it likes. Nor does it count when it must wait for us: a
/// handler that does not read, or a window that is used up.
public struct RequestPace: Sendable, Hashable {
  /// So long nothing may move. It is looked at that often, so that the end comes after one to two
  /// such times. Nil: clients may take all the time there is.
  public var stallTimeout: Duration? = .seconds(30)
  /// Fewer bytes of a message in a second, over the time of `stallTimeout`, are as good as none.
  public var leastBytesPerSecond = 240

  /// Fit for slow lines.
  public init() {}
}

/// What is held to a `RequestPace`, for one side's connections.
struct ProgressRules: Sendable {
  let interval: TimeAmount
  /// What a message must grow by within the interval.
  let leastBytes: Int

  /// Nil: there are none.
  init?(_ pace: RequestPace) {
    guard let timeout = pace.stallTimeout else { return nil }
    interval = max(TimeAmount(timeout), .milliseconds(1))
    let bytes = Double(interval.nanoseconds) / 1e9 * Double(max(pace.leastBytesPerSecond, 0))
    leastBytes = max(1, Int(min(bytes, 1e15)))
  }
}

/// Tells by looks at something that grows whether it gets on: without a clock, and at no cost between
/// the looks.
struct ProgressWatch {
  /// Since when it is the same thing, and has not grown as it should.
  private var mark: (number: Int, bytes: Int, time: NIODeadline)?

  /// True: `thing`, which may be another one at each look, has not got on for the rules' interval.
  /// Nil: there is nothing, or it must wait for us.
  mutating func hasStalled(
    _ thing: MessageUnderWay?, at now: NIODeadline, _ rules: ProgressRules
  ) -> Bool {
    guard let thing else {
      mark = nil
      return false
    }
    guard let mark, mark.number == thing.number, thing.bytes - mark.bytes < rules.leastBytes else {
      mark = (thing.number, thing.bytes, now)
      return false
    }
    return now - mark.time >= rules.interval
  }
}
