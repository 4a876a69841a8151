package import BackupModel
package import CoordinatorCore
package import GRPC
package import Logging
package import Store

/// A coordinator: its services, and the loop that they bring everything to.
///
/// Wires one `CoordinatorLoop` to the four services. Serve `services` on any transport, and keep `run()` running.
package struct CoordinatorServer: Sendable {
  private let loop: CoordinatorLoop
  /// What to serve.
  package let services: [any RPCService]

  /// How much may wait, and how many may watch, before more is refused.
  package struct Bounds: Sendable {
    package var mailbox = 4096
    package var watches = 1024

    package init() {}
  }

  /// - Parameters:
  ///   - store: of this coordinator alone; a later coordinator on it supersedes this one.
  ///   - reportServing: told when the coordinator begins to answer, and when it can't until it has begun anew.
  ///   - newSessionID: draws an id that was never used, for a session that starts at the given time.
  package init(
    configuration: Configuration, store: any CoordinatorStore,
    catalog: any RestorePointCatalog, clock: any CoordinatorClock, bounds: Bounds = Bounds(),
    newSessionID: @escaping @Sendable (Timestamp) -> SessionID = SessionNaming.drawn, log: Logger,
    reportServing: @escaping @Sendable (Bool) -> Void = { _ in }
  ) {
    let mailbox = Mailbox(limit: bounds.mailbox)
    let connections = WorkerConnections()
    let hub = WatchHub(limit: bounds.watches)
    let desk = Desk(mailbox: mailbox, stored: StoredSessions(store: store), clock: clock)
    loop = CoordinatorLoop(
      configuration: configuration, store: store, clock: clock, mailbox: mailbox,
      connections: connections, hub: hub, log: log, reportServing: reportServing)
    services = [
      JobService(desk: desk, newSessionID: newSessionID),
      SessionService(desk: desk, hub: hub),
      WorkerService(desk: desk, connections: connections),
      RestorePointService(catalog: catalog, clock: clock),
    ]
  }

  /// Runs until the task is canceled (CancellationError), or the store can't be used any more (`StoreError`):
  /// superseded by another coordinator, or corrupt. Every call that is open then ends with UNAVAILABLE.
  package func run() async throws {
    try await loop.run()
  }
}

/// Session ids as operators like to read them: the time of the start, and something drawn.
package enum SessionNaming {
  package static func drawn(at time: Timestamp) -> SessionID {
    let stamp = time.description.lowercased().filter { $0 != "-" && $0 != ":" }
    let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
    let drawn = (0..<6).map { _ in letters[Int.random(in: 0..<letters.count)] }
    return SessionID(rawValue: "\(stamp)-\(String(drawn))")
  }
}
