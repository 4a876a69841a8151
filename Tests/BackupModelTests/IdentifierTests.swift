import BackupModel
import Testing

@Suite("Identifiers")
struct IdentifierTests {
  @Test(
    "A resource id is a-z, 0-9 and '-', and neither begins nor ends with '-'",
    arguments: ["a", "nightly", "a-1", "0", String(repeating: "a", count: 63)])
  func acceptsResourceID(_ text: String) {
    #expect(JobID(validating: text)?.rawValue == text)
  }

  @Test(
    "What could not stand in a resource name or a path is refused",
    arguments: [
      "", "-a", "a-", "A", "a/b", "..", "a.b", "a b", "ä", "a\0", String(repeating: "a", count: 64),
    ])
  func refusesResourceID(_ text: String) {
    #expect(JobID(validating: text) == nil)
    #expect(SessionID(validating: text) == nil)
  }

  @Test(
    "A VM's name is one component of a path that no one can climb out of",
    arguments: [
      "", ".", "..", ".hidden", "a/b", "a\\b", "a b", "a\n", String(repeating: "a", count: 129),
    ])
  func refusesForeignName(_ text: String) {
    #expect(VirtualMachineID(validating: text) == nil)
    #expect(DiskID(validating: text) == nil)
  }

  @Test("The names of restore points, checkpoints and attempts are read back as they are written")
  func namesRoundTrip() throws {
    for seed in 1...200 {
      let session = SessionID(rawValue: "s\(seed)-x")
      let task = TaskID(session: session, ordinal: seed)
      let attempt = AttemptID(task: task, number: seed % 7 + 1)
      #expect(RestorePointID(validating: RestorePointID(task: task).description)?.task == task)
      #expect(
        CheckpointName(validating: CheckpointName(attempt: attempt).description)?.attempt == attempt
      )
    }
  }

  @Test(
    "A checkpoint that is not ours is not taken for one of ours",
    arguments: [
      "belay", "belay.s.1", "belay.s.1.0", "belay.s.01.1", "belay.s.1.1.1", "belay.s.+1.1",
      "other.s.1.1", "belay.S.1.1", "belay..1.1", "belay.s.1.99999999999999999999",
    ])
  func refusesForeignCheckpoint(_ text: String) {
    #expect(CheckpointName(validating: text) == nil)
  }
}
