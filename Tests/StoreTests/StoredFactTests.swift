import BackupModel
import Store
import Testing

@testable import SQLiteStore

@Suite("What is stored stays readable")
struct StoredFactTests {
  @Test("Each fact is stored as the golden says, and read back equal", arguments: golden)
  func matchesGolden(_ entry: Golden) throws {
    #expect(try StoredJSON.encode(entry.fact) == entry.text)
    let back = try StoredJSON.decode(SessionRecord.Fact.self, from: entry.text, at: "golden")
    #expect(back == entry.fact)
  }

  @Test("There is a golden of every kind of fact")
  func goldenIsComplete() {
    #expect(Set(golden.map { number(of: $0.fact) }) == Set(1...22))
  }

  @Test(
    "Text that is no fact of this version is reported as corrupt, with its place",
    arguments: [
      "", "{", "null", "[]", "7", "{}", #"{"taskStarted":{"task":1}}"#,
      #"{"taskStarted":{"attempt":1,"task":9223372036854775808}}"#,
      #"{"taskStarted":{"attempt":1,"task":1.5}}"#, #"{"someLaterFact":{}}"#,
      #"{"stateChanged":{"_0":"someLaterState"}}"#,
      #"{"sessionSettled":{},"taskStarted":{"attempt":1,"task":1}}"#,
      #"{"taskStarted":{"attempt":1,"task":1}}}"#,
      String(repeating: "[", count: 100_000), "\u{0}",
    ])
  func refusesOtherText(_ text: String) throws {
    let error = #expect(throws: StoreError.self) {
      try StoredJSON.decode(SessionRecord.Fact.self, from: text, at: "record 7 of session s")
    }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("record 7 of session s") == true)
  }
}

struct Golden: Sendable, CustomTestStringConvertible {
  let fact: SessionRecord.Fact
  let text: String
  var testDescription: String { String(text.prefix(40)) }
}

/// A new fact does not compile until it has a number here, and fails until it has a golden.
private func number(of fact: SessionRecord.Fact) -> Int {
  switch fact {
  case .sessionStarted: 1
  case .stateChanged: 2
  case .taskAssigned: 3
  case .taskStarted: 4
  case .checkpointIntended: 5
  case .checkpointCreated: 6
  case .checkpointRemovalRequested: 7
  case .checkpointRemovalFailed: 8
  case .checkpointRemoved: 9
  case .committed: 10
  case .published: 11
  case .stagingDiscarded: 12
  case .attemptLost: 13
  case .attemptFailed: 14
  case .taskEnded: 15
  case .stopAccepted: 16
  case .stopEscalated: 17
  case .stopDeadlineTightened: 18
  case .coordinatorRestarted: 19
  case .sessionStopped: 20
  case .sessionSettled: 21
  case .publicationFailed: 22
  }
}
