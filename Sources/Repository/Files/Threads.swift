import Glibc
import Synchronization

/// Runs `body(0)`, …, `body(count - 1)` at once, each on a thread, and returns when all have returned.
///
/// Blocking work on threads of its own: the cooperative pool's threads may not wait for a disk. If the system has no
/// thread to give, the calling thread does that share too.
func inParallel(_ count: Int, _ body: @Sendable (Int) -> Void) {
  withoutActuallyEscaping(body) { body in runAndJoin(count, body) }
}

private func runAndJoin(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  var threads: [pthread_t] = []
  for index in 1..<max(1, count) {
    var thread = pthread_t()
    let work = Unmanaged.passRetained(ThreadBody { body(index) })
    // SAFETY: the thread takes the retained body over; if there is no thread, it is taken back here.
    let error = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, work.toOpaque())
    if error == 0 {
      threads.append(thread)
    } else {
      work.takeRetainedValue().run()
    }
  }
  body(0)
  for thread in threads { pthread_join(thread, nil) }
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// The first error of several threads; the others are its consequences or would have been found as well.
final class FirstFailure: Sendable {
  private let failure = Mutex<RepositoryError?>(nil)
  private let hasFailed = Atomic<Bool>(false)

  var isSet: Bool { hasFailed.load(ordering: .relaxed) }

  func record(_ error: RepositoryError) {
    failure.withLock { $0 = $0 ?? error }
    hasFailed.store(true, ordering: .relaxed)
  }

  func rethrow() throws(RepositoryError) {
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
