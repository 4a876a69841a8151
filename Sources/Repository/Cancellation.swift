import Synchronization

/// A request to stop, made from any thread and seen by the blocking calls that were given it.
package final class Cancellation: Sendable {
  private let flag = Atomic<Bool>(false)

  package init() {}

  /// Asks for a stop. More than once means the same.
  package func cancel() { flag.store(true, ordering: .releasing) }

  package var isCanceled: Bool { flag.load(ordering: .acquiring) }

  /// Throws `canceled` if a stop was asked for.
  func check() throws(RepositoryError) {
    guard isCanceled else { return }
    throw RepositoryError(.canceled, "the operation was canceled")
  }
}
