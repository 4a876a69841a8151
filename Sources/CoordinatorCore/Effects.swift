package import BackupModel

/// What one event has led to. The shell carries it out in this order: make jobs and records durable together,
/// then release replies, send messages, and publish.
package struct Effects: Sendable, Equatable {
  package enum JobChange: Sendable, Equatable {
    case put(Job)
    case delete(JobID)
  }

  package var jobs: [JobChange] = []
  /// Each continues its session's log without a gap.
  package var records: [SessionRecord] = []
  package var replies: [Reply] = []
  package var messages: [WorkerMessage] = []
  /// Sessions of which only volatile progress has changed.
  package var progressed: [SessionID] = []
  /// Settled sessions whose ledger is needed: answer each with ``Event/sessionLookedUp(_:_:)``.
  package var lookups: [SessionID] = []
  /// When ``Event/timePassed`` is due, whatever else happens before.
  package var nextDeadline: Timestamp?

  package init() {}
}

/// Something to tell a worker on one connection; lost if that connection is gone, and then said again later.
package struct WorkerMessage: Sendable, Hashable {
  package enum Content: Sendable, Hashable {
    /// The answer to a registration.
    case registered(epoch: Int, leaseDuration: Duration, heartbeatInterval: Duration)
    /// The answer to a report: the worker's attempts are its own until then.
    case leaseRenewed(until: Timestamp)
    case directive(Directive)
    /// Close the connection.
    case disconnect(DisconnectReason)
  }

  package let worker: WorkerID
  package let connection: ConnectionID
  package let content: Content

  package init(worker: WorkerID, connection: ConnectionID, content: Content) {
    self.worker = worker
    self.connection = connection
    self.content = content
  }
}

/// Why a worker's connection is closed.
package enum DisconnectReason: Sendable, Hashable {
  /// The same worker has registered on another connection.
  case replaced
  case refused(Refusal)
}

/// The answer to one request.
package struct Reply: Sendable, Equatable {
  package let token: ReplyToken
  package let result: Result<Answer, Refusal>

  package init(token: ReplyToken, result: Result<Answer, Refusal>) {
    self.token = token
    self.result = result
  }
}

/// What a request that was granted has led to.
package enum Answer: Sendable, Equatable {
  case job(Job)
  case jobDeleted(JobID)
  case started(SessionView)
  case stop(StopOutcome, SessionView)
  /// `StopJob` with `allow_not_running`, and nothing ran.
  case notRunning(JobID)
}

/// What became of an accepted request to stop.
package enum StopOutcome: String, Sendable, Hashable, CaseIterable {
  case accepted
  /// The same stop was active already.
  case repeated
  /// A graceful stop became an immediate one.
  case escalated
  case deadlineTightened
  /// A graceful stop with an earlier deadline, or with one where none is asked for, stays as it is.
  case laterDeadlineIgnored
  case alreadyStopped
}
