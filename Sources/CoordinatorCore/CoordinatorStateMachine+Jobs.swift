internal import BackupModel

extension CoordinatorStateMachine {
  mutating func create(_ draft: JobDraft, _ step: inout Step) throws(Refusal) -> Job {
    guard jobs[draft.id] == nil else { throw .jobExists(draft.id) }
    guard jobs.count < configuration.limits.jobs else {
      throw .limitReached(what: "jobs", limit: configuration.limits.jobs)
    }
    let job = Job(
      id: draft.id, type: draft.type, objects: draft.objects, settings: draft.settings,
      description: draft.description, isDisabled: draft.isDisabled, created: step.now,
      updated: step.now)
    try put(job, &step)
    return job
  }

  mutating func update(
    _ id: JobID, _ changes: JobChanges, _ revision: Int?, _ step: inout Step
  ) throws(Refusal) -> Job {
    var job = try job(id, at: revision)
    job.objects = changes.objects ?? job.objects
    job.settings = changes.settings ?? job.settings
    job.description = changes.description ?? job.description
    job.isDisabled = changes.isDisabled ?? job.isDisabled
    job.updated = step.now
    job.revision += 1
    try put(job, &step)
    return job
  }

  mutating func delete(_ id: JobID, _ revision: Int?, _ step: inout Step) throws(Refusal) {
    _ = try job(id, at: revision)
    if let active = activeSession(of: id) { throw .sessionActive(id, active) }
    jobs[id] = nil
    step.effects.jobs.append(.delete(id))
  }

  private func job(_ id: JobID, at revision: Int?) throws(Refusal) -> Job {
    guard let job = jobs[id] else { throw .jobNotFound(id) }
    if let revision, revision != job.revision {
      throw .etagMismatch(id, given: revision, current: job.revision)
    }
    return job
  }

  private mutating func put(_ job: Job, _ step: inout Step) throws(Refusal) {
    if let problem = problem(of: job) { throw problem }
    jobs[job.id] = job
    step.effects.jobs.append(.put(job))
  }

  private func problem(of job: Job) -> Refusal? {
    let limits = configuration.limits
    if !(1...limits.objectsPerJob).contains(job.objects.count) {
      return .invalid(field: "objects", problem: "from 1 to \(limits.objectsPerJob) are possible")
    }
    if !(1...limits.parallelism).contains(job.settings.parallelism) {
      return .invalid(
        field: "settings.parallelism", problem: "from 1 to \(limits.parallelism) are possible")
    }
    if !(1...limits.attempts).contains(job.settings.maxAttempts) {
      return .invalid(
        field: "settings.max_attempts", problem: "from 1 to \(limits.attempts) are possible")
    }
    if job.description.utf8.count > limits.descriptionBytes {
      return .invalid(
        field: "description", problem: "at most \(limits.descriptionBytes) bytes are possible")
    }
    if Set(job.objects).count != job.objects.count {
      return .invalid(field: "objects", problem: "one is listed twice")
    }
    if (job.type == .restore) != (job.settings.restore != nil) {
      return .invalid(
        field: "settings.restore", problem: "it belongs to Restore jobs, and to each of them")
    }
    if job.type == .restore && job.objects.count != 1 {
      return .invalid(field: "objects", problem: "a Restore job has exactly one")
    }
    return nil
  }
}
