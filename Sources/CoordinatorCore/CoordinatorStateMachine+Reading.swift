package import BackupModel

extension CoordinatorStateMachine {
  package func job(_ id: JobID) -> Job? { jobs[id] }

  /// All jobs, by id.
  package var allJobs: [Job] { jobs.values.sorted { $0.id < $1.id } }

  /// A session that is not settled.
  package func session(_ id: SessionID) -> SessionView? { sessions[id]?.view }

  /// All sessions that are not settled, oldest first.
  package var allSessions: [SessionView] { sessions.values.map(\.view) }

  /// The job's session that is not terminal.
  package func activeSession(of job: JobID) -> SessionID? {
    sessions.values.first { $0.history.job.id == job && $0.history.state != .stopped }?.id
  }

  /// All workers that are known now, by id.
  package var allWorkers: [WorkerState] { workers.values.sorted { $0.id < $1.id } }

  /// How many attempts each worker has a lease for.
  package func attempts(on worker: WorkerID) -> Int {
    sessions.values.reduce(0) { sum, session in
      sum + session.history.tasks.count { $0.current?.worker == worker }
    }
  }
}
