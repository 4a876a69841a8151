internal import BackupModel
import Synchronization

/// The report that goes out next on one connection. It holds one at a time: a slow connection makes the worker wait
/// with the next one, which is whole and newer anyway.
final class Outbox: Sendable {
  private struct State {
    var report: WorkerReport?
    var isClosed = false
    var waiter: CheckedContinuation<WorkerReport?, Never>?
  }

  private let state = Mutex(State())

  var isEmpty: Bool { state.withLock { $0.report == nil } }

  var isClosed: Bool { state.withLock(\.isClosed) }

  /// The outbox must be empty.
  func put(_ report: WorkerReport) {
    let waiter: CheckedContinuation<WorkerReport?, Never>? = state.withLock { state in
      precondition(state.report == nil, "a report was put into a full outbox")
      if let waiter = state.waiter.take() { return waiter }
      state.report = report
      return nil
    }
    waiter?.resume(returning: report)
  }

  /// No report comes after the one that is in it.
  func close() {
    let waiter = state.withLock { state in
      state.isClosed = true
      return state.waiter.take()
    }
    waiter?.resume(returning: nil)
  }

  /// The next report, once there is one; nil when the outbox is closed or the task canceled.
  func take() async -> WorkerReport? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready: WorkerReport?? = state.withLock { state in
          if let report = state.report.take() { return .some(report) }
          if state.isClosed || Task.isCancelled { return .some(nil) }
          state.waiter = continuation
          return nil
        }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      state.withLock { $0.waiter.take() }?.resume(returning: nil)
    }
  }
}
