/// Where a session is (semantics.md §2).
package enum SessionState: String, Sendable, Codable, CaseIterable {
  /// Can move to: waitingSlot, working, stopping.
  case starting
  /// No worker can take a VM yet. Can move to: working, stopping.
  case waitingSlot
  /// Can move to: postprocessing, stopping.
  case working
  /// Every VM is done; what belongs to the session as a whole is finished. Can move to: stopped, stopping.
  case postprocessing
  /// Can move to: stopped.
  case stopping
  /// Terminal.
  case stopped
}

/// How a session ended.
package enum SessionResult: String, Sendable, Codable, CaseIterable {
  case success
  case warning
  case failed
}

/// Where a task is, or how it ended (semantics.md §2).
package enum TaskState: String, Sendable, Codable, CaseIterable {
  /// Can move to: assigned, skipped.
  case pending
  /// A worker was chosen and has not acknowledged: not started. Can move to: processing, pending, skipped.
  case assigned
  /// Started: 'currently being processed'. Can move to: pending (another attempt) and every terminal state.
  case processing
  case succeeded
  case warning
  case failed
  case canceled
  case skipped

  package var isTerminal: Bool {
    switch self {
    case .pending, .assigned, .processing: false
    case .succeeded, .warning, .failed, .canceled, .skipped: true
    }
  }
}

/// What a task in process is doing.
package enum TaskPhase: String, Sendable, Codable, CaseIterable {
  case preparing
  case creatingCheckpoint
  case transferring
  case finalizing
  case removingCheckpoint
}

/// How a stop is to end the VMs in process.
package enum StopMode: String, Sendable, Codable, CaseIterable {
  case immediate
  case graceful
}

/// Who asked for something, from where, and why (R23).
package struct Requester: Hashable, Sendable, Codable {
  /// The authenticated or declared name, as messages show it.
  package var principal: String
  /// The peer's address.
  package var peer: String
  package var reason: String
  /// The client's idempotency key (AIP-155); empty if it sent none.
  package var requestID: String

  package init(principal: String, peer: String, reason: String = "", requestID: String = "") {
    self.principal = principal
    self.peer = peer
    self.reason = reason
    self.requestID = requestID
  }
}

/// A stop that was accepted: durable, and part of its session.
package struct StopRequest: Hashable, Sendable, Codable {
  package let id: StopRequestID
  package var mode: StopMode
  package let requester: Requester
  package let accepted: Timestamp
  /// When a graceful stop turns into an immediate one. Nil: it waits as long as the VMs in process need.
  package var deadline: Timestamp?
  /// The tasks in process when a graceful stop was accepted: those that may still finish (semantics.md §3).
  package var stopSet: [Int]

  package init(
    id: StopRequestID, mode: StopMode, requester: Requester, accepted: Timestamp,
    deadline: Timestamp? = nil, stopSet: [Int] = []
  ) {
    self.id = id
    self.mode = mode
    self.requester = requester
    self.accepted = accepted
    self.deadline = deadline
    self.stopSet = stopSet
  }
}

/// Why a graceful stop became an immediate one.
package enum EscalationCause: Hashable, Sendable, Codable {
  case user(Requester)
  case deadline(Timestamp)
}
