internal import BackupModel
internal import CoordinatorCore

/// A law that did not hold, with what was seen.
package struct Violation: Sendable, Hashable {
  package let law: String
  package let detail: String
}

// The safety laws of semantics.md §12 that can be judged from one durable record. `oracle` stands before the record.
enum RecordLaws {
  typealias Law = @Sendable (_ record: SessionRecord, _ oracle: SessionOracle) -> String?

  static let all: [(name: String, holds: Law)] = [
    ("nothingStartsAfterAStop", nothingStartsAfterAStop),
    ("virtualMachinesStartInJobOrder", virtualMachinesStartInJobOrder),
    ("parallelismIsKept", parallelismIsKept),
    (
      "noRestorePointForUnfinishedVMAfterImmediateStop",
      noRestorePointForUnfinishedVMAfterImmediateStop
    ),
    ("onlyTheLatestAttemptCommits", onlyTheLatestAttemptCommits),
    ("atMostOneRestorePointPerVMPerSession", atMostOneCommitPerTask),
    ("gracefulStopCompletesExactlyTheStopSet", gracefulStopCompletesExactlyTheStopSet),
    ("exactlyOneTerminalResult", exactlyOneTerminalResult),
    ("immediateStopIsLoggedInOrder", immediateStopIsLoggedInOrder),
    ("stopIsIdempotent", stopIsIdempotent),
    ("unsupportedGracefulChangesNothing", unsupportedGracefulChangesNothing),
  ]

  /// No t after s, except of a VM that was in process at a graceful stop.
  static func nothingStartsAfterAStop(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    guard case .taskStarted(let task, let attempt) = record.fact else { return nil }
    if let stop = oracle.immediateStop {
      return "task \(task) starts attempt \(attempt) after the immediate stop at \(stop)"
    }
    if let stop = oracle.gracefulStop, !oracle.stopSet.contains(task) {
      return "task \(task) starts after the graceful stop at \(stop) of \(oracle.stopSet)"
    }
    return nil
  }

  /// R14: VM k+1 never starts before VM k has started or is terminal.
  static func virtualMachinesStartInJobOrder(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    guard case .taskStarted(let task, _) = record.fact, oracle.job.settings.order == .strict,
      oracle.tasks[task - 1].started == nil
    else { return nil }
    let waiting = oracle.tasks.prefix(task - 1).firstIndex {
      $0.started == nil && $0.end == nil
    }
    return waiting.map { "task \(task) starts before task \($0 + 1)" }
  }

  /// R22: no more VMs are in process than the job's parallelism allows; VMs between attempts hold no place.
  static func parallelismIsKept(_ record: SessionRecord, _ oracle: SessionOracle) -> String? {
    guard case .taskStarted(let task, _) = record.fact else { return nil }
    let others = oracle.tasks.indices.filter {
      $0 != task - 1 && oracle.tasks[$0].isInProcess && oracle.tasks[$0].current != nil
    }
    guard others.count >= oracle.job.settings.parallelism else { return nil }
    return "task \(task) starts beside \(others.count) of \(oracle.job.settings.parallelism)"
  }

  /// No c after s.
  static func noRestorePointForUnfinishedVMAfterImmediateStop(
    _ record: SessionRecord, _ oracle: SessionOracle
  ) -> String? {
    guard case .committed(let task, _, _) = record.fact, let stop = oracle.immediateStop
    else { return nil }
    return "task \(task) commits at \(record.sequence) after the immediate stop at \(stop)"
  }

  static func onlyTheLatestAttemptCommits(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    guard case .committed(let task, let attempt, _) = record.fact else { return nil }
    let state = oracle.tasks[task - 1]
    if state.lastAttempt != attempt || state.current != attempt {
      return "task \(task) commits attempt \(attempt) of \(state.lastAttempt)"
    }
    if state.started == nil || state.end != nil {
      return "task \(task) commits, and was not in process"
    }
    return nil
  }

  static func atMostOneCommitPerTask(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    guard case .committed(let task, _, _) = record.fact,
      let first = oracle.tasks[task - 1].committed
    else { return nil }
    return "task \(task) commits again, after \(first)"
  }

  /// The set is frozen as the VMs in process; each ends with a restore point or by its own failure; no other gets one.
  static func gracefulStopCompletesExactlyTheStopSet(
    _ record: SessionRecord, _ oracle: SessionOracle
  ) -> String? {
    switch record.fact {
    case .stopAccepted(let request) where request.mode == .graceful:
      guard request.stopSet != oracle.inProcess else { return nil }
      return "the stop set is \(request.stopSet), in process are \(oracle.inProcess)"
    case .sessionStopped:
      guard let stop = oracle.gracefulStop, oracle.immediateStop == nil else { return nil }
      for (index, task) in oracle.tasks.enumerated() {
        let isMember = oracle.stopSet.contains(index + 1)
        let hasPoint = task.hasResult
        switch task.end {
        case .succeeded, .warning:
          if !hasPoint { return "task \(index + 1) succeeded without a restore point" }
          if !isMember && (task.started ?? .max) > stop { return "task \(index + 1) was done too" }
        case .failed: if hasPoint { return "task \(index + 1) failed with a restore point" }
        case .skipped:
          if isMember || hasPoint { return "task \(index + 1) was skipped, and in process" }
        case .canceled, .pending, .assigned, .processing, nil:
          return "task \(index + 1) ended as \(task.end.map(\.rawValue) ?? "nothing")"
        }
      }
      return nil
    default: return nil
    }
  }

  /// One end of each task and of the session; nothing of a task after its end; the result is §2's (R9).
  static func exactlyOneTerminalResult(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    if oracle.isSettled { return "a record follows the settlement" }
    switch record.fact {
    case .sessionStopped(let result, let isCanceled, _):
      if oracle.result != nil { return "the session stops twice" }
      if let open = oracle.tasks.firstIndex(where: { $0.end == nil }) {
        return "the session stops while task \(open + 1) has not ended"
      }
      let (expected, shouldBeCanceled) = oracle.verdict
      guard (result, isCanceled) != (expected, shouldBeCanceled) else { return nil }
      return
        "\(result), canceled \(isCanceled) instead of \(expected), canceled \(shouldBeCanceled)"
    case .taskEnded(let task, let state, _, _):
      let before = oracle.tasks[task - 1]
      if before.end != nil { return "task \(task) ends twice" }
      let hasPoint = before.hasResult
      let isGood = state == .succeeded || state == .warning
      if hasPoint != isGood { return "task \(task) ends \(state), committed: \(hasPoint)" }
      if state == .succeeded && !before.isPublished { return "task \(task) succeeds unpublished" }
      return nil
    case .published(let task, let attempt), .publicationFailed(let task, let attempt, _):
      return publicationIsDecidedOnce(task, attempt, oracle)
    case .taskStarted(let task, _), .taskAssigned(let task, _, _, _), .committed(let task, _, _):
      return oracle.tasks[task - 1].end == nil ? nil : "task \(task) goes on after its end"
    default: return nil
    }
  }

  /// A commit is published or given up, once; a task that was told to have succeeded never loses its result.
  private static func publicationIsDecidedOnce(
    _ task: Int, _ attempt: Int, _ oracle: SessionOracle
  ) -> String? {
    let before = oracle.tasks[task - 1]
    if before.committedAttempt != attempt { return "task \(task) publishes what is not committed" }
    if before.isPublished || before.isGivenUp || before.end == .succeeded {
      return "task \(task) decides twice what becomes of its commit"
    }
    return nil
  }

  /// R8: the removal of a VM's checkpoints is in the log before its cancellation.
  static func immediateStopIsLoggedInOrder(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    guard case .taskEnded(let task, .canceled, _, _) = record.fact else { return nil }
    for (name, state) in oracle.ledger where name.attempt.task.ordinal == task {
      switch state {
      case .requested, .removed: continue
      case .intended, .created: return "\(name) was not asked to go before"
      }
    }
    return nil
  }

  static func stopIsIdempotent(_ record: SessionRecord, _ oracle: SessionOracle) -> String? {
    switch record.fact {
    case .stopAccepted:
      if oracle.hasStop { return "a second stop is accepted" }
      return oracle.result == nil ? nil : "a stopped session accepts a stop"
    case .stopEscalated:
      if oracle.immediateStop != nil { return "an immediate stop is escalated" }
      return oracle.gracefulStop == nil ? "nothing is there to escalate" : nil
    default: return nil
    }
  }

  /// R13.
  static func unsupportedGracefulChangesNothing(_ record: SessionRecord, _ oracle: SessionOracle)
    -> String?
  {
    guard case .stopAccepted(let request) = record.fact, request.mode == .graceful else {
      return nil
    }
    switch oracle.job.type {
    case .vmBackup, .replication, .unstructuredDataBackup: return nil
    case .fileCopy, .backupCopy, .restore: return "a \(oracle.job.type) job stops gracefully"
    }
  }
}
