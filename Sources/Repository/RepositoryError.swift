/// Why a repository did not do what it was asked.
package struct RepositoryError: Error, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    /// No such repository, restore point, disk or staged attempt.
    case notFound
    /// The repository, or a second writer of the same attempt, is there already.
    case alreadyExists
    /// The repository was written by a newer release: its format is unknown here.
    case newerFormat
    /// What is stored is not what was written: torn, altered, or lost in part.
    case damaged
    /// The attempt was fenced: it can never write or publish again.
    case fenced
    /// Another restore point already has this id.
    case conflict
    /// Canceled by its caller. Nothing is visible.
    case canceled
    /// The source of the disk could not be read; `cause` is its error.
    case source
    /// The target of a restore could not be written; `cause` is its error.
    case target
    /// The file system refused: full, read-only, broken.
    case storage
    /// The caller asked for something that cannot be: a range outside of the disk, a disk that was not planned.
    case invalid
  }

  package let code: Code
  /// What happened, to what, and why: for people.
  package let message: String
  /// The source's or the target's own error.
  package let cause: (any Error)?

  package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  package var description: String {
    if let cause { "\(message): \(cause)" } else { message }
  }

  /// Whether another attempt, or the same later, may succeed.
  package var isRetryable: Bool {
    switch code {
    case .storage, .source, .target: true
    case .notFound, .alreadyExists, .newerFormat, .damaged, .fenced, .conflict, .canceled, .invalid:
      false
    }
  }
}
