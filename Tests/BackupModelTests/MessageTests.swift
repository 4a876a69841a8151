import BackupModel
import Testing

/// The texts of the contract, to the letter: who scripts against them finds them unchanged.
@Suite("Messages")
struct MessageTests {
  private let time = Timestamp(nanosecondsSinceEpoch: 0)
  private let requester = Requester(principal: "ann", peer: "unix", reason: "late")

  @Test("Stops are announced and concluded in the contract's words")
  func stops() throws {
    let vms = try ["a", "b"].map { try #require(VirtualMachineID(validating: $0)) }
    #expect(
      Message.stoppedImmediately(by: "ann", reason: "late")
        == "Job is being stopped immediately by ann: late")
    #expect(
      Message.stoppedGracefully(by: "ann", waitingFor: vms)
        == "Job is being stopped gracefully by ann, waiting for 2 VM(s): a, b")
    #expect(
      Message.gracefulStopDone(done: 4, total: 6, skipped: 2)
        == "Job was stopped gracefully: 4 of 6 VM(s) processed, 2 not started")
    #expect(
      Message.escalated(.user(requester), canceled: 1)
        == "Graceful stop escalated to immediate stop (by user ann), 1 VM(s) canceled")
    #expect(
      Message.escalated(.deadline(time), canceled: 2)
        == "Graceful stop escalated to immediate stop (deadline 1970-01-01T00:00:00Z reached), 2 VM(s) canceled"
    )
    #expect(Message.canceledByUser == "Operation was canceled by user")
  }

  @Test("A refusal says what is possible instead", arguments: JobType.allCases)
  func refusal(_ type: JobType) {
    #expect(
      Message.gracefulStopNotSupported(type)
        == "Graceful stop is not supported for \(type.title) jobs; stop the job immediately instead"
    )
  }

  @Test("The mission's two lists say which types can be stopped gracefully")
  func gracefulTypes() {
    #expect(
      JobType.allCases.filter(\.allowsGracefulStop)
        == [.vmBackup, .replication, .unstructuredDataBackup])
  }
}
