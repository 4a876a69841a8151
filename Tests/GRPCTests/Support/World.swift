import GRPC
import Logging
import Synchronization
import Testing

/// A channel, its server, an executor and a clock that move only when a test says so.
final class World: Sendable {
  let executor: SteppingExecutor
  let clock = ManualClock()
  let channel: InProcessTransport
  let log = LogRecord()

  init(seed: UInt64 = 1, limits: CallLimits = CallLimits(), _ services: (inout Router) -> Void) {
    executor = SteppingExecutor(seed: seed)
    var router = Router()
    services(&router)
    let log = log
    channel = InProcessTransport(
      serving: router, limits: limits, runtime: TaskRuntime(executor: executor, clock: clock),
      logger: Logger(label: "test") { _ in RecordingLogHandler(record: log) })
  }

  /// Starts work of a client, which runs when the world does.
  func start<T: Sendable>(
    _ work: @escaping @Sendable (InProcessTransport) async throws -> T
  ) -> Work<T> {
    let channel = channel
    return Work(on: executor) { try await work(channel) }
  }

  /// Runs everything that can run now.
  func settle(_ location: SourceLocation = #_sourceLocation) {
    #expect(executor.runUntilIdle(), "the world never comes to rest", sourceLocation: location)
  }

  /// Turns the clock, and runs what that wakes.
  func pass(_ duration: Duration) {
    settle()
    clock.advance(by: duration)
    settle()
  }
}

final class Outcome<T: Sendable>: Sendable {
  private let value = Mutex<Result<T, any Error>?>(nil)
  func set(_ result: Result<T, any Error>) { value.withLock { $0 = result } }
  var result: Result<T, any Error>? { value.withLock { $0 } }
}

/// Something that a client does, and what became of it.
struct Work<T: Sendable>: Sendable {
  let task: Task<Void, Never>
  private let outcome: Outcome<T>

  init(on executor: any TaskExecutor, _ work: @escaping @Sendable () async throws -> T) {
    let outcome = Outcome<T>()
    self.outcome = outcome
    task = Task(executorPreference: executor) {
      do {
        outcome.set(.success(try await work()))
      } catch {
        outcome.set(.failure(error))
      }
    }
  }

  var isDone: Bool { outcome.result != nil }

  /// The value; a recorded issue when there is none.
  func value(_ location: SourceLocation = #_sourceLocation) throws -> T {
    try #require(outcome.result, "the work is not done", sourceLocation: location).get()
  }

  /// The error as an `RPCError`; nil when there is none, or another.
  var error: RPCError? {
    if case .failure(let error)? = outcome.result { error as? RPCError } else { nil }
  }

  var anyError: (any Error)? {
    if case .failure(let error)? = outcome.result { error } else { nil }
  }
}

/// A list that several tasks may append to.
final class Record<T: Sendable>: Sendable {
  private let items = Mutex<[T]>([])
  func append(_ item: T) { items.withLock { $0.append(item) } }
  var all: [T] { items.withLock { $0 } }
}

typealias LogRecord = Record<String>

struct RecordingLogHandler: LogHandler {
  let record: LogRecord
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
  func log(event: LogEvent) {
    record.append("\(event.level) \(event.message) \(event.metadata ?? [:])")
  }
}
