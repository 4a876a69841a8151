internal import BackupModel
internal import CoordinatorCore

/// The coordinator's state as a reader sees it: everything in it is durable, but for progress.
struct LoopView: Sendable {
  let core: CoordinatorStateMachine
  let rates: ProgressRates
  let now: Timestamp

  func session(_ id: SessionID) -> SessionReading? {
    core.session(id).map { SessionReading(view: $0, rates: rates.rates(of: id)) }
  }
}

/// A session with what is known of its speed.
struct SessionReading: Sendable, Equatable {
  let view: SessionView
  /// Bytes a second by ordinal, of the tasks in process.
  var rates: [Int: UInt64] = [:]

  var history: SessionHistory { view.history }
}
