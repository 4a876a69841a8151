internal import BackupModel
internal import GRPC

/// Resource names (AIP-122), to and fro.
enum ResourceName {
  static func job(_ id: JobID) -> String { "jobs/\(id)" }

  static func session(_ job: JobID, _ id: SessionID) -> String { "jobs/\(job)/sessions/\(id)" }

  static func task(_ job: JobID, _ id: TaskID) -> String {
    "\(session(job, id.session))/tasks/\(id.ordinal)"
  }

  static func worker(_ id: WorkerID) -> String { "workers/\(id)" }
  static func repository(_ id: RepositoryID) -> String { "repositories/\(id)" }
  static func restorePoint(_ id: RestorePointID) -> String { "restorePoints/\(id)" }

  static func parseJob(_ name: String, field: String) throws(RPCError) -> JobID {
    guard let parts = parts(name, ["jobs"]), let id = JobID(validating: parts[0]) else {
      throw .invalid(field, "'\(name.prefix(200))' is not jobs/{job}")
    }
    return id
  }

  /// `jobs/-` stands for all jobs: nil.
  static func parseAnyJob(_ name: String, field: String) throws(RPCError) -> JobID? {
    name == "jobs/-" ? nil : try parseJob(name, field: field)
  }

  /// A session's name; its job is nil for `jobs/-`.
  static func parseSession(_ name: String, field: String) throws(RPCError) -> (
    job: JobID?, session: SessionID
  ) {
    guard let parts = parts(name, ["jobs", "sessions"]),
      let session = SessionID(validating: parts[1]),
      parts[0] == "-" || JobID.isValid(parts[0])
    else { throw .invalid(field, "'\(name.prefix(200))' is not jobs/{job}/sessions/{session}") }
    return (JobID(validating: parts[0]), session)
  }

  /// A session's name, or one of its tasks'.
  static func parseSessionOrTask(_ name: String, field: String) throws(RPCError) -> (
    job: JobID?, session: SessionID, task: Int?
  ) {
    guard let parts = parts(name, ["jobs", "sessions", "tasks"]) else {
      let (job, session) = try parseSession(name, field: field)
      return (job, session, nil)
    }
    guard let session = SessionID(validating: parts[1]), parts[0] == "-" || JobID.isValid(parts[0]),
      let task = Int(parts[2]), task >= 1
    else {
      throw .invalid(
        field, "'\(name.prefix(200))' is not jobs/{job}/sessions/{session}/tasks/{ordinal}")
    }
    return (JobID(validating: parts[0]), session, task)
  }

  static func parseRepository(_ name: String, field: String) throws(RPCError) -> RepositoryID {
    guard let parts = parts(name, ["repositories"]), let id = RepositoryID(validating: parts[0])
    else { throw .invalid(field, "'\(name.prefix(200))' is not repositories/{repository}") }
    return id
  }

  static func parseRestorePoint(_ name: String, field: String) throws(RPCError) -> RestorePointID {
    guard let parts = parts(name, ["restorePoints"]), let id = RestorePointID(validating: parts[0])
    else { throw .invalid(field, "'\(name.prefix(200))' is not restorePoints/{restore_point}") }
    return id
  }

  /// The ids of a name of this form: collection, id, collection, id…
  private static func parts(_ name: String, _ collections: [String]) -> [String]? {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == collections.count * 2 else { return nil }
    for (index, collection) in collections.enumerated() where parts[index * 2] != collection {
      return nil
    }
    return stride(from: 1, to: parts.count, by: 2).map { parts[$0] }
  }
}
