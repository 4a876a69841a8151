import GRPC
import Synchronization

/// Whether a server, and each of its services, takes calls: what an application says, and
/// ``HealthService`` tells.
///
/// ```swift
/// let health = HealthStatuses()
/// health.set(.serving, for: "greeter.v1.Greeter")
/// router.add(HealthService(health))
/// ```
///
/// The server as a whole is the service with the empty name; it is serving from the beginning.
public final class HealthStatuses: Sendable {
  /// What is said of a service.
  public enum Status: Sendable, Hashable {
    /// It takes calls.
    case serving
    /// It is there, and takes no calls now.
    case notServing
  }

  /// What a watcher is told; nil: there is no such service.
  typealias Told = Status?

  /// The name of the server as a whole.
  public static let server = ""

  private struct Watcher {
    let service: String
    let server: ServerHealth
    /// What it was told last; nil: nothing yet.
    var told: Told?
    var waiting: CheckedContinuation<Told, any Error>?
  }

  private struct State {
    var statuses: [String: Status] = [HealthStatuses.server: .serving]
    var isShutDown = false
    var watchers: [Int: Watcher] = [:]
    var nextWatcher = 0

    /// What a watcher is to hear now.
    func current(for watcher: Watcher) -> Told {
      statuses[watcher.service].map(watcher.server.told)
    }

    /// Whether a watcher that has heard all is sent away.
    func isOver(for watcher: Watcher) -> Bool { isShutDown || watcher.server.isGoing }
  }

  private let maximumWatchers: Int
  private let state = Mutex(State())

  /// The server is serving, and no service is known.
  ///
  /// - Parameter maximumWatchers: how many watch streams there may be at once, over all services;
  ///   more are refused with RESOURCE_EXHAUSTED.
  public init(maximumWatchers: Int = 10_000) {
    self.maximumWatchers = maximumWatchers
  }

  /// Says what a service does now; the server as a whole if no service is named. Does nothing after
  /// ``shutDown()``.
  public func set(_ status: Status, for service: String = server) {
    change { state in
      if !state.isShutDown { state.statuses[service] = status }
    }
  }

  /// Says the same of the server and of every service that is known.
  public func setAll(_ status: Status) {
    change { state in
      guard !state.isShutDown else { return }
      for service in state.statuses.keys { state.statuses[service] = status }
    }
  }

  /// Forgets a service: a check finds nothing, watchers hear that it is unknown.
  public func remove(_ service: String) {
    change { state in
      if !state.isShutDown { state.statuses[service] = nil }
    }
  }

  /// Everything is not serving, for good, and watchers that have heard of it are sent away with
  /// UNAVAILABLE.
  ///
  /// It need not be called for a `GRPCServer` that shuts down: its own callers hear the same by itself.
  public func shutDown() {
    change { state in
      for service in state.statuses.keys { state.statuses[service] = .notServing }
      state.isShutDown = true
    }
  }

  /// What is said of a service; nil: it is unknown.
  public func status(of service: String = server) -> Status? {
    state.withLock { $0.statuses[service] }
  }

  /// Every service with its status.
  public var all: [String: Status] { state.withLock(\.statuses) }
}

// MARK: - Watching

extension HealthStatuses {
  /// A new watcher of a service, which need not exist; it ends with `endWatch`.
  func beginWatch(_ service: String, at server: ServerHealth) throws(RPCError) -> Int {
    let id: Int? = state.withLock { state in
      guard state.watchers.count < maximumWatchers else { return nil }
      state.nextWatcher += 1
      state.watchers[state.nextWatcher] = Watcher(service: service, server: server)
      return state.nextWatcher
    }
    guard let id else {
      throw RPCError(
        .resourceExhausted,
        "\(maximumWatchers) streams watch the health already; use Check, or try again later")
    }
    return id
  }

  /// The watcher's end; a wait of its own is over by then.
  func endWatch(_ id: Int) {
    state.withLock { $0.watchers[id] = nil }
  }

  /// One server goes: `mark` makes that so, and its watchers hear of it.
  func endServer(_ mark: () -> Void) {
    change { _ in mark() }
  }

  /// What is new for a watcher, at once or when there is something; changes in between are skipped.
  ///
  /// - Throws: CancellationError with the task; UNAVAILABLE once it has heard of the shutdown.
  nonisolated(nonsending) func next(_ id: Int) async throws -> Told {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let isCancelled = Task.isCancelled
        let outcome: Result<Told, any Error>? = state.withLock { state in
          if isCancelled { return .failure(CancellationError()) }
          guard var watcher = state.watchers[id] else { return .failure(CancellationError()) }
          let current = state.current(for: watcher)
          if watcher.told != .some(current) {
            watcher.told = .some(current)
            state.watchers[id] = watcher
            return .success(current)
          }
          if state.isOver(for: watcher) { return .failure(Self.isShuttingDown) }
          state.watchers[id]?.waiting = continuation
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
        // A cancellation that came before the continuation was there found nobody.
        if outcome == nil, Task.isCancelled { giveUp(id) }
      }
    } onCancel: {
      giveUp(id)
    }
  }

  private static let isShuttingDown = RPCError(.unavailable, "the server is shutting down")

  private func giveUp(_ id: Int) {
    let waiting = state.withLock { $0.watchers[id]?.waiting.take() }
    waiting?.resume(throwing: CancellationError())
  }

  /// Makes a change, and wakes the watchers to whom it is news.
  private func change(_ body: (inout State) -> Void) {
    let wakened: [(CheckedContinuation<Told, any Error>, Result<Told, any Error>)] =
      state.withLock { state in
        body(&state)
        var wakened: [(CheckedContinuation<Told, any Error>, Result<Told, any Error>)] = []
        for (id, watcher) in state.watchers {
          guard let waiting = watcher.waiting else { continue }
          let current = state.current(for: watcher)
          if watcher.told != .some(current) {
            state.watchers[id]?.told = .some(current)
            wakened.append((waiting, .success(current)))
          } else if state.isOver(for: watcher) {
            wakened.append((waiting, .failure(Self.isShuttingDown)))
          } else {
            continue
          }
          state.watchers[id]?.waiting = nil
        }
        return wakened
      }
    for (waiting, outcome) in wakened { waiting.resume(with: outcome) }
  }
}
