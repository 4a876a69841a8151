import Conformance
import SQLiteStore
import Testing

@Suite("The SQLite store keeps every law of a coordinator's store")
struct SQLiteStoreConformanceTests {
  @Test("A law of the store holds", arguments: StoreLaw.all)
  func holds(_ law: StoreLaw) async throws {
    let directory = try TemporaryDirectory()
    try await law.check { try SQLiteStore(path: directory.file("belay.db")) }
  }
}
