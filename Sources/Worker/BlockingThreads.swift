import Foundation
import Synchronization

/// A bounded number of threads for calls that wait: hypervisors, disks, the repository.
///
/// Swift's own threads must never wait for a disk. A thread is made when none is idle, and ends with its owner; work
/// beyond the bound waits its turn. Whoever submits bounds how much that is.
final class BlockingThreads: Sendable {
  typealias Work = @Sendable () -> Void

  private let crew: Crew

  init(label: String, limit: Int) { crew = Crew(label: label, limit: limit) }

  deinit { crew.dismiss() }

  /// Runs `work` on a thread of its own, soon.
  func submit(_ work: @escaping Work) { crew.submit(work) }

  /// The same, and waits for what it returns.
  func value<Value: Sendable>(of work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      submit { continuation.resume(returning: work()) }
    }
  }
}

/// The threads, and the queue that they share.
private final class Crew: Sendable {
  private struct State {
    var queue: ArraySlice<BlockingThreads.Work> = []
    var threads = 0
    var idle = 0
    var isDismissed = false
  }

  private enum Next {
    case work(BlockingThreads.Work)
    case wait
    case end
  }

  private let label: String
  private let limit: Int
  private let state = Mutex(State())
  private let wakeUp = DispatchSemaphore(value: 0)

  init(label: String, limit: Int) {
    self.label = label
    self.limit = max(1, limit)
  }

  func submit(_ work: @escaping BlockingThreads.Work) {
    let needsThread = state.withLock { state in
      state.queue.append(work)
      guard state.idle == 0 else {
        state.idle -= 1
        wakeUp.signal()
        return false
      }
      guard state.threads < limit else { return false }
      state.threads += 1
      return true
    }
    guard needsThread else { return }
    let thread = Thread { [self] in run() }
    thread.name = label
    thread.start()
  }

  func dismiss() {
    state.withLock { state in
      state.isDismissed = true
      for _ in 0..<state.threads { wakeUp.signal() }
    }
  }

  private func run() {
    while true {
      switch next() {
      case .work(let work): work()
      case .wait: wakeUp.wait()
      case .end: return
      }
    }
  }

  private func next() -> Next {
    state.withLock { state in
      if let work = state.queue.popFirst() { return .work(work) }
      if state.isDismissed { return .end }
      state.idle += 1
      return .wait
    }
  }
}
