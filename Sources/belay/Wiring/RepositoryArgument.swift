import ArgumentParser
import BackupModel
import Foundation

/// A repository as people name it to a coordinator: `NAME=PATH`.
struct RepositoryArgument: Hashable, Sendable, ExpressibleByArgument {
  let id: RepositoryID
  /// Absolute.
  let path: String

  init(id: RepositoryID, path: String) {
    self.id = id
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="),
      let id = RepositoryID(validating: String(argument[..<equals]))
    else { return nil }
    let path = String(argument[argument.index(after: equals)...])
    guard !path.isEmpty else { return nil }
    self.init(id: id, path: path)
  }
}
