package import BackupModel
import Glibc

/// A repository: a directory that holds restore points (format 1).
///
/// Any number of processes may have it open, write and read at once; nothing that is visible ever changes. Calls
/// block their thread and may come from any thread.
package final class Repository: Sendable {
  /// The directory's path.
  package let path: String
  let configuration: Configuration
  let environment: Environment
  let fileSystem: any FileSystem
  let index: BlobIndex

  private init(
    path: String, _ configuration: Configuration, _ environment: Environment,
    _ fileSystem: any FileSystem
  ) {
    self.path = path
    self.configuration = configuration
    self.environment = environment
    self.fileSystem = fileSystem
    index = BlobIndex(fileSystem: fileSystem)
  }

  /// Makes an empty repository at `path`, whose parent directory must exist; `path` itself may exist if it is
  /// empty or holds what an interrupted creation left. Throws `alreadyExists` if a repository is there.
  package static func create(at path: String) throws(RepositoryError) -> Repository {
    try create(at: path, .system)
  }

  static func create(
    at path: String, _ environment: Environment
  ) throws(RepositoryError) -> Repository {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw systemError("cannot make the directory", path)
    }
    let files = try environment.openFileSystem(path)
    try refuseForeign(files, path)
    for directory in Layout.directories + Layout.packDirectories {
      try files.ensureDirectory(directory)
    }
    try replace("0\n", at: Layout.generation, files)
    for directory in Layout.directories { try files.synchronizeDirectory(directory) }
    let id = environment.newID()
    let configuration = Configuration(
      id: id, chunkerSeed: environment.newID().words.0, compressionLevel: 1)
    try files.ensureRemoved(Layout.config + Layout.partialSuffix)
    try files.writeWhole(configuration.encoded(), to: Layout.config)
    try files.synchronizeDirectory(".")
    return Repository(path: path, configuration, environment, files)
  }

  /// Only an empty directory, or what an interrupted creation left, becomes a repository.
  private static func refuseForeign(
    _ files: any FileSystem, _ path: String
  ) throws(RepositoryError) {
    let names = try files.list(".")
    guard !names.contains(Layout.config) else {
      throw RepositoryError(.alreadyExists, "there is a repository at \(path) already")
    }
    let ours = Set(Layout.directories + [Layout.config + Layout.partialSuffix])
    if let foreign = names.first(where: { !ours.contains($0) }) {
      throw RepositoryError(
        .alreadyExists, "\(path) is no empty directory: it holds '\(foreign)'")
    }
  }

  private static func replace(
    _ text: String, at path: String, _ files: any FileSystem
  ) throws(RepositoryError) {
    try files.ensureRemoved(path + Layout.partialSuffix)
    try files.ensureRemoved(path)
    try files.writeWhole(Array(text.utf8), to: path)
  }

  /// Opens the repository at `path`. Throws `notFound` if none is there, `newerFormat`, or `damaged` if its
  /// configuration is torn.
  package static func open(at path: String) throws(RepositoryError) -> Repository {
    try open(at: path, .system)
  }

  static func open(
    at path: String, _ environment: Environment
  ) throws(RepositoryError) -> Repository {
    do throws(RepositoryError) {
      let files = try environment.openFileSystem(path)
      let bytes = try files.readWhole(Layout.config, limit: Configuration.largest)
      return Repository(path: path, try Configuration(bytes), environment, files)
    } catch {
      guard error.code == .notFound else { throw error }
      throw RepositoryError(.notFound, "there is no repository at \(path)", cause: error)
    }
  }

  /// The visible restore points, of all VMs or of one, oldest first; those that are damaged too.
  package func restorePoints(
    of virtualMachine: VirtualMachineID? = nil
  ) throws(RepositoryError) -> [ListedRestorePoint] {
    let machines: [VirtualMachineID]
    if let virtualMachine {
      machines = [virtualMachine]
    } else {
      machines = try fileSystem.list(Layout.points).compactMap { VirtualMachineID(validating: $0) }
    }
    var listed: [(name: String, point: ListedRestorePoint)] = []
    for machine in machines {
      for name in try pointNames(of: machine) {
        if let point = try listedPoint(of: machine, named: name) { listed.append((name, point)) }
      }
    }
    listed.sort { ($0.name, $0.point.virtualMachine) < ($1.name, $1.point.virtualMachine) }
    return listed.map(\.point)
  }

  /// The file names of a VM's restore points, oldest first.
  func pointNames(of machine: VirtualMachineID) throws(RepositoryError) -> [String] {
    do throws(RepositoryError) {
      return try fileSystem.list(Layout.points(of: machine)).filter { $0.hasSuffix(".pt") }
    } catch {
      if error.code == .notFound { return [] }
      throw error
    }
  }

  /// Nil: it has just gone.
  private func listedPoint(
    of machine: VirtualMachineID, named name: String
  ) throws(RepositoryError) -> ListedRestorePoint? {
    let path = Layout.point(of: machine, named: name)
    do throws(RepositoryError) {
      let (point, summary) = try readPoint(at: path)
      guard point.virtualMachine == machine, point.fileName == name else {
        throw RepositoryError(.damaged, "\(path): it belongs to another name")
      }
      return .whole(point, summary)
    } catch {
      switch error.code {
      case .notFound: return nil
      case .damaged, .newerFormat:
        return .damaged(
          DamagedRestorePoint(
            virtualMachine: machine, id: Layout.pointID(inName: name), path: path,
            reason: error.message))
      default: throw error
      }
    }
  }

  /// Reads a restore point's file, wherever it is. Throws `damaged`.
  func readPoint(
    at path: String
  ) throws(RepositoryError) -> (RestorePoint, RestorePointSummary) {
    let bytes = try fileSystem.readWhole(path, limit: RestorePointFile.largest)
    do throws(FormatError) {
      let point = try RestorePointFile.decode(bytes)
      return (point, point.summary(digest: SHA256().digest(bytes.span.bytes)))
    } catch {
      throw RepositoryError(.damaged, "\(path): \(error)")
    }
  }

  /// Opens a restore point for reading. Throws `notFound`, or `damaged` if its file cannot be believed.
  package func openRestorePoint(
    _ id: RestorePointID
  ) throws(RepositoryError) -> RestorePointReader {
    for name in try fileSystem.list(Layout.points) {
      guard let machine = VirtualMachineID(validating: name) else { continue }
      for name in try pointNames(of: machine) where Layout.pointID(inName: name) == id {
        switch try listedPoint(of: machine, named: name) {
        case .whole(let point, let summary):
          return try RestorePointReader(self, point, summary)
        case .damaged(let damaged): throw RepositoryError(.damaged, damaged.reason)
        case nil: continue
        }
      }
    }
    throw RepositoryError(.notFound, "there is no restore point \(id) in \(path)")
  }
}
