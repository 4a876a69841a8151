package import BackupModel

/// Something stored that is not what was written.
package struct Damage: Hashable, Sendable, CustomStringConvertible {
  package enum Place: Hashable, Sendable {
    /// A file, relative to the repository: a pack, an index, a restore point.
    case file(String)
    /// Bytes of a disk that cannot be restored.
    case disk(DiskID, of: VirtualMachineID, in: RestorePointID, range: Range<UInt64>)
  }

  package let place: Place
  /// For people.
  package let reason: String

  package init(_ place: Place, _ reason: String) {
    self.place = place
    self.reason = reason
  }

  package var description: String {
    switch place {
    case .file(let path): "\(path): \(reason)"
    case .disk(let disk, let vm, let point, let range):
      "\(vm), disk \(disk), restore point \(point), bytes \(range.lowerBound)..<\(range.upperBound): \(reason)"
    }
  }
}

/// How deep a verification goes; each level holds those before it (repository.md, 'Verify and restore').
package enum VerificationLevel: Int, Sendable, Comparable, CaseIterable {
  /// Indexes, pack footers and checksums of what is stored, at the speed of the disk.
  case files = 1
  /// Every blob decompressed and hashed.
  case contents = 2
  /// Every tree walked from its restore point down.
  case trees = 3

  package static func < (left: VerificationLevel, right: VerificationLevel) -> Bool {
    left.rawValue < right.rawValue
  }
}
