internal import BackupModel
import Glibc

/// What a repository takes from the world besides its directory: tests put their own in its place.
struct Environment: Sendable {
  var now: @Sendable () -> Timestamp
  /// Random: two are never equal.
  var newID: @Sendable () -> PackID
  /// How many threads a writer, a restore or a verification works on.
  var threads: Int
  /// Opens the repository's directory.
  var openFileSystem: @Sendable (_ path: String) throws(RepositoryError) -> any FileSystem

  static let system = Environment(
    now: {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      return Timestamp(
        nanosecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    },
    newID: {
      var random = SystemRandomNumberGenerator()
      return PackID(words: (random.next(), random.next()))
    },
    threads: max(1, min(64, sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
    openFileSystem: { path throws(RepositoryError) in try LocalFileSystem(at: path) })
}
