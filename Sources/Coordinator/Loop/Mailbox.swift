internal import BackupModel
internal import CoordinatorCore
internal import GRPC
internal import Synchronization

/// What the loop is asked to do.
enum Letter: Sendable {
  case event(Event)
  case request(Request, @Sendable (Result<Answer, RPCError>) -> Void)
  /// Looks at a state that is durable; `nil` if that can't be had now.
  case read(@Sendable (Result<LoopView, RPCError>) -> Void)

  func fail(_ error: RPCError) {
    switch self {
    case .event: break
    case .request(_, let answer): answer(.failure(error))
    case .read(let body): body(.failure(error))
    }
  }
}

/// What waits for the loop: bounded, refusing clients when full. What workers' connections end with always fits.
final class Mailbox: Sendable {
  private struct State {
    var letters: [Letter] = []
    var closed: RPCError?
  }

  private let state = Mutex(State())
  private let arrival = Signal()
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Throws RESOURCE_EXHAUSTED when full; the letter is not taken then.
  func post(_ letter: Letter) throws(RPCError) {
    let refusal = state.withLock { state -> RPCError? in
      if let closed = state.closed { return closed }
      guard state.letters.count < limit else { return .overloaded }
      state.letters.append(letter)
      return nil
    }
    if let refusal { throw refusal }
    arrival.raise()
  }

  /// For what must not be lost, and is bounded by something else: a connection's end.
  func postAlways(_ event: Event) {
    state.withLock { $0.letters.append(.event(event)) }
    arrival.raise()
  }

  /// Everything that has come, waiting until something has or the time is there.
  func take(until deadline: Timestamp?, _ clock: any CoordinatorClock) async -> [Letter] {
    let ready = takeNow()
    guard ready.isEmpty, !Task.isCancelled else { return ready }
    guard let deadline else {
      await arrival.wait()
      return takeNow()
    }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.arrival.wait() }
      group.addTask { try? await clock.sleep(until: deadline) }
      await group.next()
      group.cancelAll()
    }
    return takeNow()
  }

  /// Answers everything that waits with an error.
  func failAll(_ error: RPCError) {
    for letter in takeNow() { letter.fail(error) }
  }

  /// As `failAll`, and whatever comes later is refused likewise.
  func close(_ error: RPCError) {
    state.withLock { $0.closed = error }
    failAll(error)
  }

  private func takeNow() -> [Letter] {
    state.withLock { state in
      let letters = state.letters
      state.letters = []
      return letters
    }
  }
}
