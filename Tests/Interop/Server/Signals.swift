import Dispatch
import Glibc

/// A signal that this process acts on.
struct Signal: RawRepresentable, Hashable, Sendable {
  let rawValue: Int32

  static let terminate = Signal(rawValue: SIGTERM)
  static let interrupt = Signal(rawValue: SIGINT)
  static let user1 = Signal(rawValue: SIGUSR1)
}

/// The signals that arrive, one element each; their default action is off from now on.
func signals(_ wanted: [Signal]) -> AsyncStream<Signal> {
  AsyncStream(bufferingPolicy: .bufferingNewest(8)) { continuation in
    let sources = SignalSources(wanted) { continuation.yield($0) }
    continuation.onTermination = { _ in sources.cancel() }
  }
}

/// Dispatch sources for some signals.
///
/// SAFETY: Dispatch sources may be used from any thread; the array is constant.
private final class SignalSources: @unchecked Sendable {
  private let sources: [any DispatchSourceSignal]

  init(_ wanted: [Signal], _ handler: @escaping @Sendable (Signal) -> Void) {
    sources = wanted.map { wanted in
      signal(wanted.rawValue, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: wanted.rawValue, queue: .global())
      source.setEventHandler { handler(wanted) }
      source.resume()
      return source
    }
  }

  func cancel() {
    for source in sources { source.cancel() }
  }
}
