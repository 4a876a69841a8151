/// A name that stands for one thing for ever: equal names mean the same thing.
///
/// Text becomes an identifier only through ``init(validating:)``; past that line no code handles
/// a bare `String` that names something.
package protocol Identifier: RawRepresentable, Hashable, Comparable, Sendable, Codable,
  CustomStringConvertible
where RawValue == String {
  /// Takes text that is already known to be valid: read back from the store, or derived here.
  init(rawValue: String)
  /// What the identifier may look like, in words for an error message.
  static var grammar: String { get }
  /// Whether `text` may name such a thing.
  static func isValid(_ text: String) -> Bool
}

extension Identifier {
  /// Takes text from outside. Nil: not of the form that ``grammar`` describes.
  package init?(validating text: String) {
    guard Self.isValid(text) else { return nil }
    self.init(rawValue: text)
  }

  package var description: String { rawValue }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The form of AIP-122 resource ids: what may stand in a resource name and in a file name.
private func isResourceID(_ text: String) -> Bool {
  let bytes = Array(text.utf8)
  guard (1...63).contains(bytes.count) else { return false }
  func isAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
  guard isAlphanumeric(bytes[0]), isAlphanumeric(bytes[bytes.count - 1]) else { return false }
  return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
}

private let resourceIDGrammar =
  "1 to 63 characters of a-z, 0-9 and '-', neither beginning nor ending with '-'"

/// The form of names that others chose (VMs, hosts, disks): safe as one component of a path.
private func isForeignName(_ text: String) -> Bool {
  let bytes = Array(text.utf8)
  guard (1...128).contains(bytes.count), bytes[0] != UInt8(ascii: ".") else { return false }
  return bytes.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

private let foreignNameGrammar =
  "1 to 128 characters of A-Z, a-z, 0-9, '.', '_' and '-', not beginning with '.'"

/// Names a job: the last part of `jobs/{job}`.
package struct JobID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { resourceIDGrammar }
  package static func isValid(_ text: String) -> Bool { isResourceID(text) }
}

/// Names one run of a job, unique over all jobs: the last part of `jobs/{job}/sessions/{session}`.
package struct SessionID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { resourceIDGrammar }
  package static func isValid(_ text: String) -> Bool { isResourceID(text) }
}

/// Names a worker, chosen by whoever starts it and kept over its restarts.
package struct WorkerID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { resourceIDGrammar }
  package static func isValid(_ text: String) -> Bool { isResourceID(text) }
}

/// Names a stop request within its session.
package struct StopRequestID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { resourceIDGrammar }
  package static func isValid(_ text: String) -> Bool { isResourceID(text) }
}

/// Names a virtual machine as its hypervisor does.
package struct VirtualMachineID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { foreignNameGrammar }
  package static func isValid(_ text: String) -> Bool { isForeignName(text) }
}

/// Names a disk within its virtual machine.
package struct DiskID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { foreignNameGrammar }
  package static func isValid(_ text: String) -> Bool { isForeignName(text) }
}

/// Names the host whose checkpoints a hypervisor lists: workers of one host can clean up for each other.
package struct HostID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { foreignNameGrammar }
  package static func isValid(_ text: String) -> Bool { isForeignName(text) }
}

/// Names a repository as the coordinator's configuration does.
package struct RepositoryID: Identifier {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
  package static var grammar: String { resourceIDGrammar }
  package static func isValid(_ text: String) -> Bool { isResourceID(text) }
}

/// One object's work in one session. The ordinal is its place in the session's order, from 1.
package struct TaskID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let session: SessionID
  package let ordinal: Int

  package init(session: SessionID, ordinal: Int) {
    self.session = session
    self.ordinal = ordinal
  }

  package var description: String { "\(session).\(ordinal)" }

  package static func < (left: TaskID, right: TaskID) -> Bool {
    (left.session, left.ordinal) < (right.session, right.ordinal)
  }
}

/// One lease of a task on one worker. Attempts count from 1; only the latest may commit.
package struct AttemptID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let task: TaskID
  package let number: Int

  package init(task: TaskID, number: Int) {
    self.task = task
    self.number = number
  }

  package var description: String { "\(task).\(number)" }

  package static func < (left: AttemptID, right: AttemptID) -> Bool {
    (left.task, left.number) < (right.task, right.number)
  }
}
