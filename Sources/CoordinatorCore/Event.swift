package import BackupModel

/// What may happen to a coordinator.
package enum Event: Sendable, Equatable {
  /// The first event of a term: running sessions resume, and leases get one grace period (semantics.md §7).
  case resumed
  case request(Request, ReplyToken)
  /// A worker opened a connection and registered on it. A newer connection of the same worker replaces the older.
  case workerAttached(ConnectionID, WorkerRegistration)
  /// A connection ended. That is no death: an expired lease is.
  case workerDetached(WorkerID, ConnectionID)
  case workerReported(WorkerID, ConnectionID, WorkerReport)
  /// What the store holds of a session that ``Effects/lookups`` asked for; empty if there is none.
  case sessionLookedUp(SessionID, [SessionRecord])
  /// Time has passed ``Effects/nextDeadline``.
  case timePassed
}

/// Ties a reply to its request.
package struct ReplyToken: Hashable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One connection of a worker, never used again for another.
package struct ConnectionID: Hashable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What a client asks a coordinator to do. Each gets exactly one reply.
package enum Request: Sendable, Hashable {
  case createJob(JobDraft, requestID: String)
  /// `revision` nil: whatever it is now.
  case updateJob(JobID, JobChanges, revision: Int?, requestID: String)
  case deleteJob(JobID, revision: Int?, requestID: String)
  /// The session's id comes from outside, because the core draws nothing at random.
  case startJob(JobID, session: SessionID, Requester)
  case stopJob(JobID, StopOrder, allowNotRunning: Bool)
  case stopSession(SessionID, StopOrder)
}

/// A job as its creator describes it.
package struct JobDraft: Sendable, Hashable {
  package var id: JobID
  package var type: JobType
  package var objects: [JobObject]
  package var settings: JobSettings
  package var description: String
  package var isDisabled: Bool

  package init(
    id: JobID, type: JobType, objects: [JobObject], settings: JobSettings,
    description: String = "", isDisabled: Bool = false
  ) {
    self.id = id
    self.type = type
    self.objects = objects
    self.settings = settings
    self.description = description
    self.isDisabled = isDisabled
  }
}

/// What an update sets; nil leaves a field as it is.
package struct JobChanges: Sendable, Hashable {
  package var objects: [JobObject]?
  package var settings: JobSettings?
  package var description: String?
  package var isDisabled: Bool?

  package init(
    objects: [JobObject]? = nil, settings: JobSettings? = nil, description: String? = nil,
    isDisabled: Bool? = nil
  ) {
    self.objects = objects
    self.settings = settings
    self.description = description
    self.isDisabled = isDisabled
  }
}

/// When a graceful stop turns into an immediate one, as it is asked for; stored as an absolute time.
package enum StopDeadline: Sendable, Hashable {
  case at(Timestamp)
  /// Counted from when the stop is accepted.
  case after(Duration)

  func time(from now: Timestamp) -> Timestamp {
    switch self {
    case .at(let time): time
    case .after(let duration): now.advanced(by: duration)
    }
  }
}

/// A stop as it is asked for.
package struct StopOrder: Sendable, Hashable {
  package var mode: StopMode
  package var requester: Requester
  /// When a graceful stop is to turn into an immediate one.
  package var deadline: StopDeadline?
  /// Accept only while the session's log ends with this sequence number.
  package var ifSequence: Int?

  package init(
    mode: StopMode, requester: Requester, deadline: StopDeadline? = nil, ifSequence: Int? = nil
  ) {
    self.mode = mode
    self.requester = requester
    self.deadline = deadline
    self.ifSequence = ifSequence
  }
}
