internal import BackupModel

/// Which checkpoints there really are, on which host.
struct ModelHypervisor {
  /// Sorted by name, so that every listing is the same.
  private(set) var checkpoints: [(host: HostID, record: CheckpointRecord)] = []

  func exists(_ name: CheckpointName, on host: HostID) -> Bool {
    checkpoints.contains { $0.host == host && $0.record.name == name }
  }

  mutating func create(_ record: CheckpointRecord, on host: HostID) {
    guard !exists(record.name, on: host) else { return }
    let index =
      checkpoints.firstIndex { record.name < $0.record.name } ?? checkpoints.endIndex
    checkpoints.insert((host, record), at: index)
  }

  mutating func remove(_ name: CheckpointName, on host: HostID) {
    checkpoints.removeAll { $0.host == host && $0.record.name == name }
  }

  func list(on host: HostID) -> [CheckpointRecord] {
    checkpoints.filter { $0.host == host }.map(\.record)
  }
}
