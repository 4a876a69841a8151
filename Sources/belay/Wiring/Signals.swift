import Dispatch
import Glibc

/// The signals that ask this process to end, one element each time one arrives.
///
/// Their default action is off from the first call on, for the rest of the process.
func terminationSignals() -> AsyncStream<Int32> {
  AsyncStream(bufferingPolicy: .bufferingNewest(8)) { continuation in
    let sources = SignalSources([SIGTERM, SIGINT]) { continuation.yield($0) }
    continuation.onTermination = { _ in sources.cancel() }
  }
}

/// Dispatch sources for some signals.
///
/// SAFETY: Dispatch sources may be used from any thread; the array is constant.
private final class SignalSources: @unchecked Sendable {
  private let sources: [any DispatchSourceSignal]

  init(_ numbers: [Int32], _ handler: @escaping @Sendable (Int32) -> Void) {
    sources = numbers.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { handler(number) }
      source.resume()
      return source
    }
  }

  func cancel() {
    for source in sources { source.cancel() }
  }
}
