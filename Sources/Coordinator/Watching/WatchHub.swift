internal import BackupModel
internal import CoordinatorCore
internal import GRPC
internal import Synchronization

/// Hands what the loop publishes to whoever watches.
final class WatchHub: Sendable {
  private struct State {
    var last = 0
    var watches: [SessionID: [Int: SessionFeed]] = [:]
    var count = 0
  }

  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: of watches at once.
  init(limit: Int) { self.limit = limit }

  /// Begins to feed a watcher with whatever is published from now on. Nil: there are too many.
  func subscribe(to session: SessionID) -> SessionFeed? {
    state.withLock { state in
      guard state.count < limit else { return nil }
      state.last += 1
      state.count += 1
      let feed = SessionFeed(session: session, number: state.last)
      state.watches[session, default: [:]][feed.number] = feed
      return feed
    }
  }

  func unsubscribe(_ feed: SessionFeed) {
    state.withLock { state in
      guard state.watches[feed.session]?.removeValue(forKey: feed.number) != nil else { return }
      state.count -= 1
      if state.watches[feed.session]?.isEmpty == true { state.watches[feed.session] = nil }
    }
  }

  func isWatched(_ session: SessionID) -> Bool { !feeds(of: session).isEmpty }

  func publish(_ records: [SessionRecord]) {
    for record in records {
      for feed in feeds(of: record.session) { feed.add(record) }
    }
  }

  func publish(_ reading: SessionReading) {
    for feed in feeds(of: reading.view.id) { feed.set(reading) }
  }

  /// The term is over: watchers come again with the last sequence that they have seen.
  func closeAll(_ error: RPCError) {
    let all = state.withLock { $0.watches.values.flatMap(\.values) }
    for feed in all { feed.close(error) }
  }

  private func feeds(of session: SessionID) -> [SessionFeed] {
    state.withLock { state in
      (state.watches[session] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
  }
}

/// What one watcher has not taken yet: bounded. Progress is coalesced, the newest wins; records are dropped beyond
/// the bound, and then read again from the store.
final class SessionFeed: Sendable {
  /// What there is to take.
  struct News: Sendable {
    var records: [SessionRecord] = []
    /// Records were dropped: the store has them.
    var isBehind = false
    var progress: SessionReading?
    var isTick = false
  }

  private struct State {
    var news = News()
    var end: RPCError?
    var hasNews = false
  }

  let session: SessionID
  let number: Int
  private let state = Mutex(State())
  private let change = Signal()
  static let limit = 256

  init(session: SessionID, number: Int) {
    self.session = session
    self.number = number
  }

  func add(_ record: SessionRecord) {
    state.withLock { state in
      state.hasNews = true
      guard !state.news.isBehind else { return }
      if state.news.records.count < Self.limit {
        state.news.records.append(record)
      } else {
        state.news.records = []
        state.news.isBehind = true
      }
    }
    change.raise()
  }

  /// Newest wins. The watcher is not woken: it takes progress with its own ticks.
  func set(_ reading: SessionReading) {
    state.withLock { $0.news.progress = reading }
  }

  /// Time for progress, or a heartbeat.
  func tick() {
    state.withLock { state in
      state.hasNews = true
      state.news.isTick = true
    }
    change.raise()
  }

  func close(_ error: RPCError) {
    state.withLock { $0.end = error }
    change.raise()
  }

  /// Waits for news and takes them all.
  func next() async throws -> News {
    while true {
      try Task.checkCancellation()
      let (news, end) = state.withLock { state -> (News?, RPCError?) in
        guard state.hasNews else { return (nil, state.end) }
        let news = state.news
        state.news = News()
        if !news.isTick { state.news.progress = news.progress }
        state.hasNews = false
        return (news, nil)
      }
      if let news { return news }
      if let end { throw end }
      await change.wait()
    }
  }
}
