internal import BackupModel

/// What is really in the repository: visible results, staged data, and the fences of revoked attempts.
///
/// A restored directory counts as a result like a restore point: both appear by one atomic rename that replaces
/// nothing.
struct ModelRepository {
  enum Name: Hashable {
    case point(RestorePointID)
    case directory(String)
  }

  struct Result: Equatable {
    let attempt: AttemptID
    let digest: String
    /// Whether every byte of the frozen source is in it.
    let isComplete: Bool
  }

  struct Staging {
    var digest: String?
    var isComplete = false
  }

  private(set) var results: [Name: Result] = [:]
  private(set) var staging: [AttemptID: Staging] = [:]
  private var fenced: Set<AttemptID> = []

  /// False: the attempt's staging was fenced.
  mutating func open(_ attempt: AttemptID) -> Bool {
    guard !fenced.contains(attempt) else { return false }
    if staging[attempt] == nil { staging[attempt] = Staging() }
    return true
  }

  mutating func complete(_ attempt: AttemptID) { staging[attempt]?.isComplete = true }

  /// Nil: the staging is not there any more.
  mutating func seal(_ attempt: AttemptID) -> String? {
    guard staging[attempt] != nil else { return nil }
    let digest = "digest of \(attempt)"
    staging[attempt]?.digest = digest
    return digest
  }

  enum Publication {
    case done
    /// It was visible already, or seems so: a directory does not tell who renamed it.
    case repeated
    /// The staging was fenced, or another result has the name.
    case refused
  }

  mutating func publish(_ attempt: AttemptID, as name: Name) -> Publication {
    if let result = results[name] {
      if case .directory = name, staging[attempt] == nil { return .repeated }
      return result.attempt == attempt ? .repeated : .refused
    }
    guard let staged = staging[attempt], let digest = staged.digest else { return .refused }
    results[name] = Result(attempt: attempt, digest: digest, isComplete: staged.isComplete)
    staging[attempt] = nil
    return .done
  }

  /// Something of nobody here takes a free name.
  mutating func occupy(_ name: Name) {
    let stranger = TaskID(session: SessionID(rawValue: "stranger"), ordinal: 1)
    if results[name] == nil {
      results[name] = Result(
        attempt: AttemptID(task: stranger, number: 1), digest: "", isComplete: true)
    }
  }

  /// Fences the attempt for ever and deletes what it staged.
  mutating func discard(_ attempt: AttemptID) {
    fenced.insert(attempt)
    staging[attempt] = nil
  }

  var stagedAttempts: [AttemptID] { staging.keys.sorted() }
}

extension Commitment {
  var name: ModelRepository.Name {
    switch self {
    case .restorePoint(let summary): .point(summary.id)
    case .restoredDisks(let target, _): .directory(target)
    }
  }
}
