/// What a batch of seeds must show at least once (the 'sometimes' laws of semantics.md §12): a batch in which one is
/// never seen has not tried what it claims.
package enum Sighting: Int, CaseIterable, Sendable {
  case stopWhileAPermitIsInFlight
  case crashBetweenCheckpointCreationAndConfirmation
  case zombiesLateCommitRefused
  case coordinatorRestartWithAStopPending
  case stopBeforeTheFirstVM
  case unknownCommitStoodAfterAll
  case watcherReconnectsAcrossARestart
  case gracefulRaisedToImmediate
  case commitThatCanNeverBePublished
}
