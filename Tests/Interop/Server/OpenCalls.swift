import Synchronization

/// How many handlers run: a test that ends every call expects none to be left.
final class OpenCalls: Sendable {
  private let running = Atomic<Int>(0)

  /// How many run now.
  var count: Int { running.load(ordering: .relaxed) }

  /// Counts a handler for as long as it runs.
  nonisolated(nonsending) func during<Result>(
    _ handler: nonisolated(nonsending) () async throws -> Result
  ) async rethrows -> Result {
    running.add(1, ordering: .relaxed)
    defer { running.subtract(1, ordering: .relaxed) }
    return try await handler()
  }
}
