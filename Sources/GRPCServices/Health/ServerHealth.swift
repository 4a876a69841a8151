import GRPC
import Synchronization

/// What those hear who ask one server: what the application says, until the server goes.
final class ServerHealth: Sendable {
  private let statuses: HealthStatuses
  /// Set under the lock of `statuses`, so that no watcher misses it.
  private let going = Atomic<Bool>(false)

  init(_ statuses: HealthStatuses) {
    self.statuses = statuses
  }

  var isGoing: Bool { going.load(ordering: .acquiring) }

  /// This server goes: to its callers nothing is serving, for good.
  func shutDown() {
    statuses.endServer { going.store(true, ordering: .releasing) }
  }

  /// What the server's callers hear where the application says this.
  func told(_ status: HealthStatuses.Status) -> HealthStatuses.Status {
    isGoing ? .notServing : status
  }

  func status(of service: String) -> HealthStatuses.Status? {
    statuses.status(of: service).map(told)
  }

  var all: [String: HealthStatuses.Status] { statuses.all.mapValues(told) }

  /// As the method of `HealthStatuses`.
  func beginWatch(_ service: String) throws(RPCError) -> Int {
    try statuses.beginWatch(service, at: self)
  }

  func endWatch(_ id: Int) { statuses.endWatch(id) }

  /// As the method of `HealthStatuses`.
  nonisolated(nonsending) func next(_ id: Int) async throws -> HealthStatuses.Told {
    try await statuses.next(id)
  }
}
