/// Names a session checkpoint: derivable from its attempt, and unique per attempt, so that what a crash left can
/// be matched with the ledger (semantics.md §6).
package struct CheckpointName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let attempt: AttemptID

  /// What every checkpoint that Belay makes begins with. Nothing else is ever touched.
  package static let prefix = "belay."

  package init(attempt: AttemptID) { self.attempt = attempt }

  /// Parses `belay.<session>.<task>.<attempt>`. Nil: not one of ours.
  package init?(validating text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "belay",
      let session = SessionID(validating: String(parts[1])),
      let ordinal = Int(parts[2]), ordinal >= 1, String(ordinal) == parts[2],
      let number = Int(parts[3]), number >= 1, String(number) == parts[3]
    else { return nil }
    attempt = AttemptID(task: TaskID(session: session, ordinal: ordinal), number: number)
  }

  package var description: String { Self.prefix + attempt.description }

  package static func < (left: CheckpointName, right: CheckpointName) -> Bool {
    left.attempt < right.attempt
  }
}

/// One entry of the checkpoint ledger: an obligation from before the checkpoint exists until its removal was
/// verified.
package struct CheckpointRecord: Hashable, Sendable, Codable {
  package let name: CheckpointName
  package let host: HostID
  package let hypervisor: String
  package let virtualMachine: VirtualMachineID

  package init(
    name: CheckpointName, host: HostID, hypervisor: String, virtualMachine: VirtualMachineID
  ) {
    self.name = name
    self.host = host
    self.hypervisor = hypervisor
    self.virtualMachine = virtualMachine
  }
}

/// How far a ledger entry has come.
package enum CheckpointState: String, Sendable, Codable, CaseIterable {
  /// Recorded before creation; the checkpoint may or may not exist. Can move to: created, removalRequested, removed.
  case intended
  /// Can move to: removalRequested, removed.
  case created
  /// Can move to: removed, actionRequired.
  case removalRequested
  /// Every scheduled try failed; a person must look. Can move to: removed.
  case actionRequired
  /// Gone, verified by listing the hypervisor. Terminal.
  case removed
}
