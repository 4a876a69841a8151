import ArgumentParser
import Foundation

/// The one directory that holds all state of a coordinator, or of `belay dev`.
struct DataDirectory {
  let path: String

  /// `$XDG_STATE_HOME/belay`, else `~/.local/state/belay`; for root `/var/lib/belay`.
  static var `default`: DataDirectory {
    let environment = ProcessInfo.processInfo.environment
    if let state = environment["XDG_STATE_HOME"], !state.isEmpty {
      return DataDirectory(path: state + "/belay")
    }
    if geteuid() == 0 { return DataDirectory(path: "/var/lib/belay") }
    return DataDirectory(path: NSHomeDirectory() + "/.local/state/belay")
  }

  init(path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  var socket: String { path + "/belay.sock" }
  var database: String { path + "/belay.db" }
  var repository: String { path + "/repository" }
  /// Where a worker keeps what belongs to live checkpoints.
  var runtime: String { path + "/run" }

  /// Makes the directory, for its owner alone.
  func create() throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw ValidationError(
        "The directory \(path) cannot be made: \(error.localizedDescription) "
          + "Choose another with --data.")
    }
  }
}
