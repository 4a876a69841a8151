import Foundation

/// A path for one test's file, in a directory of its own that goes with it.
enum TemporaryFile {
  static func with(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(
      path: "belay-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory.appending(path: "store.sqlite").path)
  }
}
