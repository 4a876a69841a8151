internal import BackupModel

/// A clean-up that failed and waits for its next try.
struct Retry: Hashable, Sendable {
  /// How many tries have failed; at least 1.
  let tries: Int
  let message: String
  let next: Timestamp

  /// 1 s after the first failure, twice as long after each further one, at most 30 s (semantics.md §6).
  init(afterTries tries: Int, message: String, at now: Timestamp) {
    self.tries = tries
    self.message = message
    let seconds = tries > 5 ? 30 : min(30, 1 << (tries - 1))
    next = now.advanced(by: .seconds(seconds))
  }
}
