package import BackupModel

/// One thing that an attempt asks its shell to do. At most one of an attempt's steps runs at a time, with two
/// exceptions: ``cutTransfer`` is given while a transfer runs, and a checkpoint may be removed while a publication
/// or the discarding of staged data goes on.
package enum AttemptStep: Hashable, Sendable {
  /// Answer: `checkpointCreated` or `checkpointFailed`. After a failure the checkpoint counts as possibly there.
  case createCheckpoint
  /// Read the source, write what is read into staging. Answer: `transferred`, `transferFailed` or `transferCut`.
  case transfer
  /// End the running transfer soon. No answer of its own: the transfer gives its one. No-op if it has just ended.
  case cutTransfer
  /// Make all that was transferred durable, under a digest. Answer: `staged` or `stagingFailed`.
  case stage
  /// Make the commitment visible by one atomic operation; done already counts as done. Answer: `published` or
  /// `publishFailed`.
  case publish(Commitment)
  /// Fence the attempt's staging and delete it; missing counts as done. Answer: `stagingDiscarded` or
  /// `discardFailed`.
  case discardStaging
  /// A missing checkpoint counts as removed. Answer: `checkpointRemoved` or `removalFailed`.
  case removeCheckpoint
  /// List the hypervisor's checkpoints. Answer: `removalVerified`, or `removalFailed` if it is still there or the
  /// list could not be had.
  case verifyRemoval
}

/// How a step ended: exactly one for each step given, except ``AttemptStep/cutTransfer``.
package enum StepResult: Hashable, Sendable {
  case checkpointCreated
  case checkpointFailed(StepFailure)
  case transferred
  case transferFailed(StepFailure)
  case transferCut
  case staged(Commitment)
  case stagingFailed(StepFailure)
  case published
  /// Not retryable: it can never succeed, whoever tries, because the staging was fenced or is damaged, or another
  /// thing has the target's name.
  case publishFailed(StepFailure)
  case stagingDiscarded
  case discardFailed(message: String)
  case checkpointRemoved
  case removalVerified
  case removalFailed(message: String)
}

/// Why a step did not succeed.
package struct StepFailure: Hashable, Sendable {
  package let message: String
  /// Whether another worker, or this one later, may do better.
  package let isRetryable: Bool

  package init(_ message: String, isRetryable: Bool) {
    self.message = message
    self.isRetryable = isRetryable
  }
}

extension [AttemptStep] {
  /// Adds a step, if there is one to take.
  mutating func take(_ step: AttemptStep?) {
    if let step { append(step) }
  }
}
