package import BackupModel

/// What a worker is, and the numbers that it works by.
package struct WorkerConfiguration: Sendable {
  package var worker: WorkerID
  package var host: HostID
  /// Differs for each start of the process.
  package var incarnation: String
  /// How many tasks it takes at once; at least 1.
  package var slots: Int
  /// Between two tries to reach the coordinator: doubles from the first to the last.
  package var firstReconnectDelay = Duration.milliseconds(100)
  package var lastReconnectDelay = Duration.seconds(5)
  /// How long the coordinator may take to answer a registration.
  package var registrationBound = Duration.seconds(10)
  /// How long a registration waits for the list of checkpoints on the host.
  package var searchBound = Duration.seconds(5)
  /// How long a canceled worker may take to clean up before it ends all the same.
  package var cleanUpBound = Duration.seconds(60)
  /// How long the last report may take to reach the coordinator when the worker ends.
  package var farewellBound = Duration.seconds(2)
  /// Between two reports of progress alone.
  package var progressInterval = Duration.milliseconds(250)

  package init(worker: WorkerID, host: HostID, incarnation: String, slots: Int) {
    self.worker = worker
    self.host = host
    self.incarnation = incarnation
    self.slots = max(1, slots)
  }
}
