internal import BackupModel

/// Where things are, relative to the repository's directory.
enum Layout {
  static let config = "config"
  static let packs = "packs"
  static let index = "index"
  static let points = "points"
  static let sessions = "sessions"
  static let fenced = "fenced"
  static let collector = "gc"
  static let generation = "gc/gen"

  static let directories = [packs, index, points, sessions, fenced, collector]

  static func packDirectory(_ id: PackID) -> String { "\(packs)/\(id.description.prefix(2))" }

  static func pack(_ id: PackID) -> String { "\(packDirectory(id))/\(id)" }

  static let packDirectories: [String] = (0...255).map { "\(packs)/\(hexadecimal([UInt8($0)]))" }

  static func delta(_ generation: UInt32, _ attempt: AttemptID, _ sequence: Int) -> String {
    "\(index)/\(generation)-\(attempt)-\(sequence)"
  }

  static func points(of vm: VirtualMachineID) -> String { "\(points)/\(vm)" }

  static func point(of vm: VirtualMachineID, named name: String) -> String {
    "\(points(of: vm))/\(name)"
  }

  /// `<utc>-<id>.pt`; the time has no punctuation, so that the name is safe everywhere, and sorts.
  static func pointName(_ id: RestorePointID, _ started: Timestamp) -> String {
    let utc = started.description.filter { $0 != "-" && $0 != ":" }
    return "\(utc)-\(id).pt"
  }

  /// The id in a restore point's file name. Nil: not such a name.
  static func pointID(inName name: String) -> RestorePointID? {
    guard name.hasSuffix(".pt"), let dash = name.firstIndex(of: "-") else { return nil }
    return RestorePointID(validating: String(name[name.index(after: dash)...].dropLast(3)))
  }

  static func session(_ attempt: AttemptID) -> String { "\(sessions)/\(attempt)" }

  static func fence(_ attempt: AttemptID) -> String { "\(fenced)/\(attempt)" }

  // Within the directory of a session, also when it is fenced:
  static let info = "info"
  static let manifest = "m"
  static let partialSuffix = ".partial"
  static let stagedDeltaPrefix = "delta-"
  static let stagedPackSuffix = ".pack"
  // Only when it is fenced:
  static let fencedManifest = "m.fenced"
  static let discardedPrefix = "discarded-"
}
