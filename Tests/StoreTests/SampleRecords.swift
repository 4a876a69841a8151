import BackupModel

/// Sessions for tests: record 1 is the start, every other one the start of a task.
enum SampleRecords {
  static let job = Job(
    id: JobID(rawValue: "nightly"), type: .vmBackup,
    objects: [
      JobObject(virtualMachine: VirtualMachineID(rawValue: "vm-1"), hypervisor: "disk-images")
    ],
    settings: JobSettings(repository: RepositoryID(rawValue: "main")),
    created: Timestamp(nanosecondsSinceEpoch: 0), updated: Timestamp(nanosecondsSinceEpoch: 1))

  static let requester = Requester(principal: "ada", peer: "unix:")

  static func record(_ session: String, _ sequence: Int) -> SessionRecord {
    SessionRecord(
      session: SessionID(rawValue: session), sequence: sequence,
      time: Timestamp(nanosecondsSinceEpoch: Int64(sequence)),
      fact: sequence == 1
        ? .sessionStarted(job: job, requester: requester)
        : .taskStarted(task: sequence, attempt: 1))
  }
}
