import BelayAPI

/// A session as people read it.
enum SessionText {
  /// `4/6`: how many VMs are done, of all.
  static func counts(_ session: BelayV1.Session) -> String {
    guard let counts = session.taskCounts else { return "-" }
    return "\(counts.succeeded + counts.warning)/\(counts.total)"
  }

  /// What there is to say of the session as a whole: of a success, nothing more.
  static func message(_ session: BelayV1.Session) -> String {
    session.result == .success ? "" : session.message
  }

  static func details(_ session: BelayV1.Session) -> String {
    var head = "\(lastPart(session.name)): \(Words.of(session.jobType)), "
    head +=
      session.state == .stopped ? Words.of(session.result) : Words.of(session.state)
    if session.canceled { head += " (canceled)" }
    var lines = [head]
    let message = message(session)
    if !message.isEmpty { lines.append(message) }
    if !session.waitingFor.isEmpty { lines.append(session.waitingFor) }
    lines.append("started \(text(session.startTime)), ended \(text(session.endTime))")
    if session.checkpointsPending > 0 {
      lines.append("\(session.checkpointsPending) checkpoint(s) still to be removed")
    }
    var table = TextTable("#", "VM", "STATE", "PROGRESS", "RESTORE POINT", "MESSAGE")
    for task in session.tasks {
      table.add(
        "\(task.ordinal)", task.virtualMachine, state(of: task), progress(of: task),
        task.restorePoint.isEmpty ? "-" : lastPart(task.restorePoint), task.message)
    }
    return lines.joined(separator: "\n") + "\n\n" + table.text
  }

  static func logLine(_ record: BelayV1.LogRecord) -> String {
    let task = record.task.isEmpty ? "" : "[\(lastPart(record.task))] "
    let mark =
      switch record.severity {
      case .warning: "warning: "
      case .error: "error: "
      default: ""
      }
    return "\(text(record.time))  \(task)\(mark)\(record.message)"
  }

  private static func state(of task: BelayV1.Task) -> String {
    task.state == .processing ? "Processing: \(Words.of(task.phase))" : Words.of(task.state)
  }

  private static func progress(of task: BelayV1.Task) -> String {
    guard let progress = task.progress, progress.totalBytes > 0 else { return "-" }
    return ProgressBar.percent(done: progress.processedBytes, of: progress.totalBytes) + " of "
      + Quantities.bytes(progress.totalBytes)
  }
}
