import GRPC

/// Calls whose streams are over and whose handlers may still run: a peer that resets its streams
/// gets their places back, but not those of handlers that ignore their cancellation.
///
/// A handler holds its call: when the call is gone, the handler has ended.
struct AbandonedCalls {
  private struct Trace {
    weak var call: ServerCall?
  }

  private var traces: [Trace] = []

  mutating func add(_ call: ServerCall) { traces.append(Trace(call: call)) }

  /// Whether fewer than so many handlers still run.
  mutating func isBelow(_ limit: Int) -> Bool {
    if traces.count < limit { return true }
    traces.removeAll { $0.call == nil }
    return traces.count < limit
  }
}
