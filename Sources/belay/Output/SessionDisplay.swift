import BelayAPI

/// What a person, or a pipe, sees of a session that is watched: told each message, it draws.
struct SessionDisplay {
  /// The last record shown; 0 before the snapshot.
  private(set) var sequence: Int64 = 0
  private(set) var result: BelayV1.SessionResult = .unspecified
  private(set) var hasEnded = false

  private let format: OutputFormat
  private var terminal = Terminal()
  private var session = BelayV1.Session()
  private var tasks: [Int32: BelayV1.Task] = [:]
  private var rate = RateMeter()

  init(format: OutputFormat) { self.format = format }

  /// The first snapshot, with the log up to it.
  mutating func begin(_ snapshot: BelayV1.Session, earlier: [BelayV1.LogRecord]) {
    sequence = snapshot.sequence
    guard format == .text else { return }
    for record in earlier { terminal.write(SessionText.logLine(record)) }
  }

  mutating func show(_ message: BelayV1.WatchSessionResponse) {
    if format == .json { print(jsonText(message)) }
    switch message.kind {
    case .snapshot(let snapshot):
      update(snapshot)
      tasks = [:]
      update(snapshot.tasks)
    case .event(let event):
      sequence = max(sequence, event.sequence)
      if let changed = event.session { update(changed) }
      update(event.changedTasks)
      if format == .text {
        for record in event.logRecords { terminal.write(SessionText.logLine(record)) }
      }
    case .progress(let progress):
      session.progress = progress.progress
      for update in progress.tasks {
        tasks[update.ordinal]?.phase = update.phase
        tasks[update.ordinal]?.progress = update.progress
      }
    case .heartbeat, nil: break
    }
    rate.record(session.progress?.processedBytes ?? 0, at: .now)
    if format == .text { terminal.redraw(hasEnded ? [] : footer) }
  }

  /// A word beside the session's own, on standard error.
  mutating func note(_ text: String) {
    terminal.redraw([])
    printError(text)
  }

  /// The last word: how the session ended.
  mutating func finish() {
    terminal.redraw([])
    guard format == .text else { return }
    let message = SessionText.message(session)
    let detail = message.isEmpty ? "" : ": " + message
    print("\(lastPart(session.name)) ended with \(Words.of(result))\(detail)")
  }

  private mutating func update(_ changed: BelayV1.Session) {
    session = changed
    guard changed.state == .stopped else { return }
    hasEnded = true
    result = changed.result
  }

  private mutating func update(_ changed: [BelayV1.Task]) {
    for task in changed { tasks[task.ordinal] = task }
  }

  /// A bar for each VM in process, then the totals.
  private var footer: [String] {
    let inProcess = tasks.values.filter { $0.state == .processing }.sorted {
      $0.ordinal < $1.ordinal
    }
    let nameWidth = inProcess.map(\.virtualMachine.count).max() ?? 0
    var lines = inProcess.prefix(16).map { task in
      let progress = task.progress ?? BelayV1.Progress()
      let name = task.virtualMachine
      return "  " + name + String(repeating: " ", count: nameWidth - name.count) + " "
        + ProgressBar.text(done: progress.processedBytes, of: progress.totalBytes, width: 30) + " "
        + ProgressBar.percent(done: progress.processedBytes, of: progress.totalBytes) + "  "
        + Words.of(task.phase)
    }
    lines.append(totals(inProcess: inProcess.count))
    return lines
  }

  private func totals(inProcess: Int) -> String {
    let progress = session.progress ?? BelayV1.Progress()
    let done = tasks.values.count { $0.state == .succeeded || $0.state == .warning }
    var parts = ["\(done)/\(tasks.count) done", "\(inProcess) in process"]
    parts.append(
      "\(Quantities.bytes(progress.processedBytes)) of \(Quantities.bytes(progress.totalBytes))")
    if let speed = rate.bytesPerSecond { parts.append(Quantities.bytes(UInt64(speed)) + "/s") }
    if let remaining = progress.remaining {
      parts.append("ETA " + Quantities.clock(seconds: remaining.seconds))
    }
    return "  " + Words.of(session.state) + ": " + parts.joined(separator: " · ")
  }
}
