internal import BackupModel
internal import CoordinatorCore

/// How fast each task in process goes: smoothed over some seconds, and forgotten with the session.
struct ProgressRates: Sendable {
  private struct Sample: Sendable {
    let attempt: Int
    var time: Timestamp
    var bytes: UInt64
    var rate: Double?
  }

  private var samples: [SessionID: [Int: Sample]] = [:]

  /// Over how long a change of speed makes itself felt.
  private static let span = 5.0
  /// Samples nearer than this say nothing.
  private static let shortest = 0.2

  mutating func note(_ session: SessionView, at now: Timestamp) {
    var tasks = samples[session.id] ?? [:]
    for task in session.tasks {
      guard task.state == .processing else {
        tasks[task.ordinal] = nil
        continue
      }
      tasks[task.ordinal] = Self.next(tasks[task.ordinal], task, at: now)
    }
    samples[session.id] = tasks
  }

  mutating func forget(_ session: SessionID) { samples[session] = nil }

  func rates(of session: SessionID) -> [Int: UInt64] {
    (samples[session] ?? [:]).compactMapValues { $0.rate.flatMap { UInt64(exactly: $0.rounded()) } }
  }

  private static func next(_ last: Sample?, _ task: TaskView, at now: Timestamp) -> Sample {
    let bytes = task.progress.processedBytes
    guard var sample = last, sample.attempt == task.history.lastAttempt, bytes >= sample.bytes
    else {
      return Sample(attempt: task.history.lastAttempt, time: now, bytes: bytes)
    }
    let seconds = Double(now.duration(since: sample.time).nanoseconds) / 1e9
    guard seconds >= shortest else { return sample }
    let newest = Double(bytes - sample.bytes) / seconds
    let weight = seconds / (seconds + span)
    sample.rate = sample.rate.map { $0 + (newest - $0) * weight } ?? newest
    sample.time = now
    sample.bytes = bytes
    return sample
  }
}
