internal import BackupModel
internal import Hypervisor
import Repository
import WorkerCore

/// What one attempt does to its source and its target: the steps that its state machine asks for.
///
/// Calls block their thread, except ``progress`` and ``cut()``. ``cut()`` may come at any time, from any thread; the
/// other steps follow each other.
protocol AttemptWork: Sendable {
  /// How much is done; a counter never goes back.
  var progress: TaskProgress { get }
  func transfer() -> StepResult
  /// Ends the transfer under way, or the one that has yet to begin.
  func cut()
  func stage() -> StepResult
  func publish(_ commitment: Commitment) -> StepResult
  func discard() -> StepResult
}

extension StepFailure {
  /// As the error itself says whether another try may help.
  init(_ error: any Error) {
    switch error {
    case let error as StepFailure: self = error
    case let error as HypervisorError: self.init(error.message, isRetryable: error.isRetryable)
    case let error as RepositoryError:
      if error.code == .source, let cause = error.cause as? HypervisorError {
        self.init(cause.message, isRetryable: cause.isRetryable)
      } else {
        self.init(error.description, isRetryable: error.isRetryable)
      }
    default: self.init("\(error)", isRetryable: true)
    }
  }
}

extension StepFailure: Error {}

extension Repository {
  /// Publishes what an attempt staged. Only the repository's own word that it can never be is final; all else is
  /// tried again for ever, because the commit stands.
  static func publish(_ summary: RestorePointSummary, of specification: TaskSpecification)
    throws(StepFailure)
  {
    let repository: Repository
    do {
      repository = try open(at: specification.repositoryPath)
    } catch {
      throw StepFailure(error.description, isRetryable: true)
    }
    do {
      try repository.publish(specification.attempt, summary)
    } catch {
      let isFinal =
        switch error.code {
        case .conflict, .damaged, .fenced, .notFound: true
        case .storage, .source, .target, .alreadyExists, .newerFormat, .canceled, .invalid: false
        }
      throw StepFailure(error.description, isRetryable: !isFinal)
    }
  }
}
