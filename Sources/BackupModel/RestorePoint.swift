/// Names a restore point. It is a function of (session, object), so that a second one for the same VM in the
/// same session is the same one: "at most one restore point" is a naming rule.
package struct RestorePointID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let task: TaskID

  package init(task: TaskID) { self.task = task }

  /// Parses `<session>.<ordinal>`. Nil: not of that form.
  package init?(validating text: String) {
    guard let dot = text.lastIndex(of: "."),
      let session = SessionID(validating: String(text[..<dot])),
      let ordinal = Int(text[text.index(after: dot)...]), ordinal >= 1,
      String(ordinal) == text[text.index(after: dot)...]
    else { return nil }
    task = TaskID(session: session, ordinal: ordinal)
  }

  package var description: String { task.description }

  package static func < (left: RestorePointID, right: RestorePointID) -> Bool {
    left.task < right.task
  }
}

/// What a worker vouches for when it asks to commit: everything is durable in staging under this digest.
package struct RestorePointSummary: Hashable, Sendable, Codable {
  package let id: RestorePointID
  package let virtualMachine: VirtualMachineID
  package let repository: RepositoryID
  /// SHA-256 of the manifest, in lower-case hexadecimal: what exactly was committed.
  package let manifestDigest: String
  /// The sum of the disks' virtual sizes, in bytes.
  package let logicalBytes: UInt64
  /// Bytes added to the repository for this restore point.
  package let storedBytes: UInt64

  package init(
    id: RestorePointID, virtualMachine: VirtualMachineID, repository: RepositoryID,
    manifestDigest: String, logicalBytes: UInt64, storedBytes: UInt64
  ) {
    self.id = id
    self.virtualMachine = virtualMachine
    self.repository = repository
    self.manifestDigest = manifestDigest
    self.logicalBytes = logicalBytes
    self.storedBytes = storedBytes
  }
}

/// What a task's commit makes visible.
package enum Commitment: Hashable, Sendable, Codable {
  case restorePoint(RestorePointSummary)
  /// The directory that a Restore renames into place.
  case restoredDisks(targetDirectory: String, bytes: UInt64)
}
