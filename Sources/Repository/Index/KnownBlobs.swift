/// What a writer need not store again: the blobs that the indexes name, in packs that are there.
struct KnownBlobs: Sendable {
  private var files: [IndexFile]
  private let missing: Set<PackID>

  /// Looks at each pack that the indexes name: data of a pack that is gone is stored again.
  init(_ snapshot: BlobIndex.Snapshot, _ fileSystem: any FileSystem) throws(RepositoryError) {
    var present: [PackID: UInt64] = [:]
    for file in snapshot.files {
      for pack in file.packs where present[pack.id] == nil {
        do throws(RepositoryError) {
          present[pack.id] = try fileSystem.open(Layout.pack(pack.id)).size()
        } catch {
          if error.code != .notFound && error.code != .damaged { throw error }
        }
      }
    }
    missing = Set(
      snapshot.files.flatMap(\.packs).filter { present[$0.id] != $0.length }.map(\.id))
    files = snapshot.files
  }

  /// Adds an index that was just published, with its packs.
  mutating func add(_ file: IndexFile) { files.append(file) }

  func contains(_ id: BlobID) -> Bool {
    // The newest first: what was stored of late is what is met again.
    for file in files.reversed() {
      if let location = file.location(of: id), missing.isEmpty || !missing.contains(location.pack) {
        return true
      }
    }
    return false
  }
}
