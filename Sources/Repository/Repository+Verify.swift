extension Repository {
  /// Checks the whole repository and returns what is damaged, by file and by the ranges of disks that suffer.
  /// Empty: all is whole.
  ///
  /// Blocks; backups and restores may go on. Throws when it cannot look, never for damage. `cancellation` ends it
  /// within a blob (256 KiB).
  package func verify(
    _ level: VerificationLevel, cancellation: Cancellation = Cancellation()
  ) throws(RepositoryError) -> [Damage] {
    throw RepositoryError(.invalid, "verification is not built yet")
  }
}
