import Synchronization

/// Handlers whose calls are over and which may still run: a peer that resets its streams, or its
/// connection, gets their places back, but not those of handlers that ignore their cancellation.
///
/// Those of a connection count for its server too, also when the connection is gone.
final class AbandonedHandlers: Sendable {
  private let limit: Int
  private let server: AbandonedHandlers?
  private let count = Atomic<Int>(0)

  init(limit: Int, ofServer server: AbandonedHandlers? = nil) {
    self.limit = limit
    self.server = server
  }

  /// So many run that no call should begin.
  var isFull: Bool {
    count.load(ordering: .relaxed) >= limit || server?.isFull == true
  }

  /// One more, until nobody has the place any more.
  func takePlace() -> Place { Place(among: self) }

  fileprivate func change(by difference: Int) {
    count.add(difference, ordering: .relaxed)
    server?.change(by: difference)
  }

  /// Counts for as long as it is there.
  final class Place: Sendable {
    private let others: AbandonedHandlers

    fileprivate init(among others: AbandonedHandlers) {
      self.others = others
      others.change(by: 1)
    }

    deinit { others.change(by: -1) }
  }
}
