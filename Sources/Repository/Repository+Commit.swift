package import BackupModel

extension Repository {
  /// Begins a restore point: makes the attempt's staging directory and returns its writer.
  ///
  /// Throws `alreadyExists` if that attempt was begun before, by whomever, and `fenced` if it was fenced.
  package func beginRestorePoint(
    _ plan: RestorePointPlan
  ) throws(RepositoryError) -> RestorePointWriter {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Makes a staged attempt visible by one rename: afterwards it is listed, whatever crashes.
  ///
  /// Anyone may call it, in any process, as often as they like: a restore point that is already visible with this
  /// summary's digest is a success. Throws `fenced`, `notFound` if nothing was staged, `conflict` if the restore
  /// point is visible with another digest, `damaged` if what is staged is not what the summary vouches for.
  package func publish(
    _ attempt: AttemptID, _ summary: RestorePointSummary
  ) throws(RepositoryError) {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Sees to it that the attempt never writes or publishes again, also if it has yet to begin. Durable on return.
  /// What it published before stays.
  package func fence(_ attempt: AttemptID) throws(RepositoryError) {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// Fences the attempt and deletes what it staged. Data that an index already names stays for the next attempt.
  /// What it published before stays. Any number of times, by anyone, also after a crash half-way.
  package func discard(_ attempt: AttemptID) throws(RepositoryError) {
    throw RepositoryError(.invalid, "not built yet")
  }

  /// The attempts that hold staged data now, running or left behind: each ends by `publish` or `discard`.
  package func stagedAttempts() throws(RepositoryError) -> [AttemptID] {
    throw RepositoryError(.invalid, "not built yet")
  }
}
