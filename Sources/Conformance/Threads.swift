internal import Foundation
internal import Synchronization

/// Runs blocking work in threads of their own: the hypervisor's calls may wait, which the concurrency pool must not.
enum Threads {
  /// Runs all at the same time and waits for them; throws what the first failed with.
  static func run(_ bodies: [@Sendable () throws -> Void]) throws {
    let group = DispatchGroup()
    let failures = Failures()
    for body in bodies {
      group.enter()
      Thread {
        do { try body() } catch { failures.note(error) }
        group.leave()
      }.start()
    }
    group.wait()
    if let error = failures.first { throw error }
  }

  private final class Failures: Sendable {
    private let error = Mutex<(any Error)?>(nil)
    var first: (any Error)? { error.withLock { $0 } }
    func note(_ new: any Error) { error.withLock { $0 = $0 ?? new } }
  }
}

/// A word that one thread sets for another.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}
