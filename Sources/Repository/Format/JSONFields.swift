internal import BackupModel

/// Takes members of a JSON object by name, each of the type that it must have.
struct JSONFields {
  private let members: [String: CanonicalJSON]

  init(_ value: CanonicalJSON) throws(FormatError) {
    guard case .object(let members) = value else { throw FormatError("a JSON object is missing") }
    self.members = members
  }

  func value(_ key: String) throws(FormatError) -> CanonicalJSON {
    guard let value = members[key] else { throw FormatError("'\(key)' is missing") }
    return value
  }

  func string(_ key: String) throws(FormatError) -> String {
    guard case .string(let text) = try value(key) else {
      throw FormatError("'\(key)' is not a string")
    }
    return text
  }

  func number(_ key: String) throws(FormatError) -> UInt64 {
    guard case .number(let number) = try value(key) else {
      throw FormatError("'\(key)' is not a whole number")
    }
    return number
  }

  func array(_ key: String) throws(FormatError) -> [CanonicalJSON] {
    guard case .array(let elements) = try value(key) else {
      throw FormatError("'\(key)' is not an array")
    }
    return elements
  }

  func object(_ key: String) throws(FormatError) -> JSONFields { try JSONFields(value(key)) }

  func identifier<ID: Identifier>(_ key: String) throws(FormatError) -> ID {
    guard let id = ID(validating: try string(key)) else {
      throw FormatError("'\(key)' is not \(ID.grammar)")
    }
    return id
  }

  func time(_ key: String) throws(FormatError) -> Timestamp {
    guard let time = Int64(exactly: try number(key)) else {
      throw FormatError("'\(key)' is not a time")
    }
    return Timestamp(nanosecondsSinceEpoch: time)
  }
}

extension AttemptID {
  /// Parses `<session>.<task>.<attempt>`. Nil: not of that form.
  init?(validating text: String) {
    guard let name = CheckpointName(validating: CheckpointName.prefix + text) else { return nil }
    self = name.attempt
  }
}
