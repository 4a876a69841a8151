import Dispatch
import Glibc

/// The signals that ask this process to end, one element each time one arrives.
///
/// Their default action is off from the first call on, for the rest of the process.
func terminationSignals() -> AsyncStream<Int32> {
  AsyncStream(bufferingPolicy: .bufferingNewest(8)) { continuation in
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { continuation.yield(number) }
      source.resume()
      return source
    }
    continuation.onTermination = { _ in
      for source in sources { source.cancel() }
    }
  }
}
