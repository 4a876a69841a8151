import Synchronization

/// All indexes of a repository, opened once and kept: an index never changes.
final class BlobIndex: Sendable {
  /// The indexes as they were at one moment.
  struct Snapshot: Sendable {
    /// Newest names last.
    let files: [IndexFile]
    /// By name: why it cannot be used.
    let damaged: [String: RepositoryError]

    /// The places that are told for a blob: one, as a rule.
    func locations(of id: BlobID) -> [BlobLocation] {
      files.compactMap { $0.location(of: id) }
    }
  }

  private let fileSystem: any FileSystem
  private let opened = Mutex<[String: IndexFile]>([:])

  init(fileSystem: any FileSystem) { self.fileSystem = fileSystem }

  /// The indexes that are there now.
  func snapshot() throws(RepositoryError) -> Snapshot {
    let names = try fileSystem.list(Layout.index).filter { !$0.hasSuffix(Layout.partialSuffix) }
    var known = opened.withLock { $0 }
    var files: [IndexFile] = []
    var damaged: [String: RepositoryError] = [:]
    for name in names {
      do throws(RepositoryError) {
        let file: IndexFile
        if let open = known[name] { file = open } else { file = try open(name) }
        known[name] = file
        files.append(file)
      } catch {
        // A collector replaces indexes: one that has just gone is no damage.
        switch error.code {
        case .damaged: damaged[name] = error
        case .notFound: continue
        default: throw error
        }
      }
    }
    let present = Set(names)
    let kept = known.filter { present.contains($0.key) }
    opened.withLock { $0 = kept }
    return Snapshot(files: files, damaged: damaged)
  }

  func open(_ name: String) throws(RepositoryError) -> IndexFile {
    try IndexFile(name: name, fileSystem.open("\(Layout.index)/\(name)"))
  }
}
