internal import BackupModel
package import Store

/// What every adapter of ``CoordinatorStore`` promises, one law each.
///
/// An adapter's test runs `check` of each law in ``all`` with a fresh, empty storage.
package struct StoreLaw: Sendable, CustomStringConvertible {
  /// Opens the storage under test. Each call opens the same one again, as another process would.
  package typealias Open = @Sendable () async throws -> any CoordinatorStore

  /// A sentence that says what holds.
  package let description: String
  /// Throws ``Violation`` where the store breaks the law.
  package let check: @Sendable (Open) async throws -> Void

  package static let all = terms + logs + pages + concurrency

  /// How a store broke a law.
  package struct Violation: Error, CustomStringConvertible {
    package let description: String
  }
}

/// Sessions and jobs for the laws, and what they demand.
enum Sample {
  static func job(_ id: String, revision: Int = 1) -> Job {
    Job(
      id: JobID(rawValue: id), type: .vmBackup,
      objects: [
        JobObject(
          virtualMachine: VirtualMachineID(rawValue: "vm-1"), hypervisor: "disk-images", host: nil)
      ],
      settings: JobSettings(repository: RepositoryID(rawValue: "main")),
      description: "Nightly “büro” \u{1F4BE}\n\"quoted\"", created: time(0),
      updated: time(revision),
      revision: revision)
  }

  static func time(_ number: Int) -> Timestamp {
    Timestamp(nanosecondsSinceEpoch: Int64(number) * 1_000_000_007)
  }

  static func session(_ number: Int) -> SessionID { SessionID(rawValue: "s\(number)") }

  /// Record 1 starts the session; the others are its tasks' starts, in order.
  static func record(_ session: SessionID, _ sequence: Int, of job: String = "nightly")
    -> SessionRecord
  {
    let fact: SessionRecord.Fact =
      sequence == 1
      ? .sessionStarted(
        job: self.job(job), requester: Requester(principal: "ada", peer: "unix:", reason: "test"))
      : .taskStarted(task: sequence - 1, attempt: 1)
    return SessionRecord(session: session, sequence: sequence, time: time(sequence), fact: fact)
  }

  static func settled(_ session: SessionID, _ sequence: Int) -> SessionRecord {
    SessionRecord(
      session: session, sequence: sequence, time: time(sequence), fact: .sessionSettled)
  }
}

/// Throws where two values differ.
func demand<Value: Equatable>(_ value: Value, is expected: Value, _ what: String) throws {
  guard value != expected else { return }
  throw StoreLaw.Violation(description: "\(what): expected \(expected), got \(value)")
}

/// Throws unless `body` throws a ``StoreError`` of that code with some message.
func demand<Value>(
  _ code: StoreError.Code, _ what: String, from body: () async throws(StoreError) -> Value
) async throws {
  do {
    _ = try await body()
  } catch {
    try demand(error.code, is: code, what)
    try demand(error.message.isEmpty, is: false, "\(what): the message is empty")
    return
  }
  throw StoreLaw.Violation(description: "\(what): it was not refused")
}
