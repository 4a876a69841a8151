import GRPC

/// Asks a server over one connection whether it serves (gRPC client-side health checking, gRFC A17);
/// a client sends no calls over a connection whose server says that it does not.
///
/// `Health.Watch` of the health service is meant; this library's services target has such a probe.
public protocol HealthProbe: Sendable {
  /// Watches as long as the connection stands; its task is cancelled when that is lost.
  ///
  /// - Parameters:
  ///   - connection: carries calls over that one connection.
  ///   - report: to be called with the first answer, and with each that is another; true: it serves.
  /// - Throws: an `RPCError`. UNIMPLEMENTED says that the server can't be asked: it is taken to serve.
  ///   After any other end the connection is not used until a new watch, begun after a backoff, says so.
  func watch(
    _ connection: any RPCChannel, _ report: @escaping @Sendable (_ isServing: Bool) -> Void
  ) async throws
}

/// What a connection is to its balancing policy while its health is watched.
struct HealthState: Sendable {
  private enum State {
    /// Nothing was heard yet. Can move to: serving, notServing, unknowable.
    case asking
    case serving
    case notServing
    /// The server has no health service: it counts as serving. Can move to: nothing.
    case unknowable
  }

  private let backoff: ConnectionBackoff
  private var state = State.asking
  private var failures = 0

  init(_ backoff: ConnectionBackoff) { self.backoff = backoff }

  var connectivity: ConnectivityState {
    switch state {
    case .asking: .connecting
    case .serving, .unknowable: .ready
    case .notServing: .transientFailure
    }
  }

  mutating func reported(isServing: Bool) {
    failures = 0
    state = isServing ? .serving : .notServing
  }

  /// The watch has ended; answers after what delay to begin another, or nil for never. `random` is
  /// within -1...1.
  mutating func ended(_ error: RPCError?, random: Double) -> Duration? {
    if error?.code == .unimplemented {
      state = .unknowable
      return nil
    }
    failures += 1
    state = .notServing
    return backoff.delay(afterFailures: failures, random: random)
  }
}
