internal import BackupModel
internal import OrderedCollections

/// The answers to recent requests by their ids, so that a repeated request does nothing twice (AIP-155).
///
/// Bounded: the oldest is forgotten first. After a restart only the starts of unsettled sessions are known again,
/// from their records. A stop that is repeated then is answered as any second stop of its session is, and a repeated
/// change of a job meets its etag, or its existence; a start whose session is settled begins another one.
struct RequestMemory: Sendable {
  enum Recall {
    case new
    case answered(Answer)
    case reused(String)
  }

  private struct Entry: Sendable {
    let body: Request
    let answer: Answer
  }

  private var entries: OrderedDictionary<String, Entry> = [:]
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func recall(_ request: Request) -> Recall {
    guard let id = request.requestID, let entry = entries[id] else { return .new }
    return entry.body == request.body ? .answered(entry.answer) : .reused(id)
  }

  mutating func remember(_ request: Request, _ answer: Answer) {
    guard let id = request.requestID, limit > 0 else { return }
    if entries.count >= limit { entries.removeFirst() }
    entries[id] = Entry(body: request.body, answer: answer)
  }

  /// What a session's records tell of the requests that it answered.
  mutating func learn(from history: SessionHistory) {
    let view = SessionView(history)
    remember(
      .startJob(history.job.id, session: history.id, history.requester), .started(view))
  }
}

extension Request {
  /// The client's idempotency key. Nil: it sent none.
  fileprivate var requestID: String? {
    let id =
      switch self {
      case .createJob(_, let id), .updateJob(_, _, _, let id), .deleteJob(_, _, let id): id
      case .startJob(_, _, let requester): requester.requestID
      case .stopJob(_, let order, _), .stopSession(_, let order): order.requester.requestID
      }
    return id.isEmpty ? nil : id
  }

  /// The request without what may differ between two sendings of it: the drawn session id and the peer's address.
  fileprivate var body: Request {
    func same(_ requester: Requester) -> Requester {
      var requester = requester
      requester.peer = ""
      return requester
    }
    func same(_ order: StopOrder) -> StopOrder {
      var order = order
      order.requester = same(order.requester)
      return order
    }
    switch self {
    case .createJob, .updateJob, .deleteJob: return self
    case .startJob(let job, _, let requester):
      return .startJob(job, session: SessionID(rawValue: ""), same(requester))
    case .stopJob(let job, let order, let allow):
      return .stopJob(job, same(order), allowNotRunning: allow)
    case .stopSession(let session, let order): return .stopSession(session, same(order))
    }
  }
}
