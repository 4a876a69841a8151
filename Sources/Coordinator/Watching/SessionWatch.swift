internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

/// One watcher's stream (semantics.md §11): the snapshot, then every durable change once and in order, with
/// progress and heartbeats between; OK after the change that ends the session.
struct SessionWatch {
  let stored: StoredSessions
  let clock: any CoordinatorClock
  let responses: ResponseWriter<BelayV1.WatchSessionResponse>
  /// The session as of the last event that was written.
  private var history: SessionHistory
  private var lastWritten: Timestamp
  static let heartbeatInterval = Duration.seconds(15)

  init(
    _ history: SessionHistory, stored: StoredSessions, clock: any CoordinatorClock,
    responses: ResponseWriter<BelayV1.WatchSessionResponse>
  ) {
    self.history = history
    self.stored = stored
    self.clock = clock
    self.responses = responses
    lastWritten = clock.now()
  }

  /// Writes the events after `sequence` up to the snapshot, which go with it when a stream is continued.
  mutating func catchUp(after sequence: Int) async throws {
    guard sequence < history.sequence else { return }
    let last = history.sequence
    let first = try await stored.page(of: history.id, after: 0)
    guard let begin = first.first, begin.sequence == 1 else {
      throw Self.compacted(oldest: first.first?.sequence ?? last)
    }
    history = try Self.fold(begin)
    var page = Array(first.dropFirst())
    while !page.isEmpty, history.sequence < last {
      for record in page where record.sequence <= last {
        try await write(record, isSeen: record.sequence <= sequence)
      }
      page = try await stored.page(of: history.id, after: history.sequence)
    }
  }

  /// Writes what the feed brings until the session has stopped.
  mutating func follow(_ feed: SessionFeed) async throws {
    while history.state != .stopped {
      let news = try await feed.next()
      for record in news.records where record.sequence > history.sequence {
        try await write(record, isSeen: false)
        if history.state == .stopped { return }
      }
      if news.isBehind { try await readBehind() }
      guard history.state != .stopped, news.isTick else { continue }
      if let progress = news.progress {
        try await send(.progress(Self.progress(progress)))
      } else if clock.now() >= lastWritten.advanced(by: Self.heartbeatInterval) {
        try await send(
          .heartbeat(.init(sequence: Int64(history.sequence), time: .init(clock.now()))))
      }
    }
  }

  /// The feed dropped records: they are in the store.
  private mutating func readBehind() async throws {
    while history.state != .stopped {
      let page = try await stored.page(of: history.id, after: history.sequence)
      guard !page.isEmpty else { return }
      for record in page {
        try await write(record, isSeen: false)
        if history.state == .stopped { return }
      }
    }
  }

  private mutating func write(_ record: SessionRecord, isSeen: Bool) async throws {
    do {
      try history.apply(record)
    } catch {
      throw RPCError(.dataLoss, error.description, reason: "SESSION_LOG_CORRUPT")
    }
    guard !isSeen else { return }
    let reading = SessionReading(view: SessionView(history))
    let changed = record.fact.changedTasks.compactMap { ordinal in
      reading.view.tasks.indices.contains(ordinal - 1) ? reading.view.tasks[ordinal - 1] : nil
    }
    try await send(
      .event(
        BelayV1.SessionEvent(
          sequence: Int64(record.sequence), time: .init(record.time),
          session: .init(reading, withTasks: false),
          changedTasks: changed.map { .init($0, in: reading) },
          logRecords: history.lines(of: record).map { .init($0, in: history) })))
  }

  mutating func send(_ kind: BelayV1.WatchSessionResponse.Kind) async throws {
    try await responses.write(BelayV1.WatchSessionResponse(kind: kind))
    lastWritten = clock.now()
  }

  private static func fold(_ first: SessionRecord) throws -> SessionHistory {
    do {
      return try SessionHistory(first: first)
    } catch {
      throw RPCError(.dataLoss, error.description, reason: "SESSION_LOG_CORRUPT")
    }
  }

  private static func progress(_ reading: SessionReading) -> BelayV1.SessionProgress {
    BelayV1.SessionProgress(
      progress: .init(
        reading.view.progress, rate: reading.rates.values.reduce(0) { $0 &+ $1 },
        isRunning: true),
      tasks: reading.view.tasks.filter { $0.state == .processing }.map { task in
        BelayV1.TaskProgressUpdate(
          ordinal: Int32(clamping: task.ordinal),
          phase: task.phase.map { .init($0) } ?? .unspecified,
          progress: .init(
            task.progress, rate: reading.rates[task.ordinal] ?? 0, isRunning: true))
      })
  }

  private static func compacted(oldest: Int) -> RPCError {
    RPCError(
      .outOfRange, "the changes before \(oldest) are not kept any more",
      reason: "WATCH_SEQUENCE_COMPACTED", facts: ["oldest": String(oldest)])
  }
}
