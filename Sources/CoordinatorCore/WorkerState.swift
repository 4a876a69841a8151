package import BackupModel

/// What is known of a worker: all of it volatile, and learnt again after a restart.
package struct WorkerState: Sendable, Hashable {
  package let id: WorkerID
  /// Nil: it has not attached in this term; only its leases are known.
  package internal(set) var registration: WorkerRegistration?
  package internal(set) var connection: ConnectionID?
  /// Its attempts are its own until then.
  package internal(set) var leaseExpiry: Timestamp
  package internal(set) var isDraining = false
  /// It did not unwind in time: no new task until it reports nothing stale.
  package internal(set) var isQuarantined = false
  /// Attempts it reports that are not its own any more: they still use its slots.
  package internal(set) var staleAttempts = 0

  /// Whether it can be given work at all.
  package func isAvailable(at now: Timestamp) -> Bool {
    connection != nil && leaseExpiry > now
  }

  /// Whether it drives the object's hypervisor, on the object's host.
  func serves(_ object: JobObject) -> Bool {
    guard let registration else { return false }
    return registration.hypervisors.contains(object.hypervisor)
      && (object.host == nil || object.host == registration.host)
  }
}
