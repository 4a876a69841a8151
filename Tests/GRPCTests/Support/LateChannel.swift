import GRPC
import Synchronization

/// A channel whose transport is the test: it keeps calls, and attaches when it is told to.
final class LateChannel: RPCChannel {
  let runtime: any CallRuntime
  let limits: CallLimits
  let retries: ChannelRetries
  let calls = Record<ClientCall>()

  init(
    runtime: any CallRuntime, limits: CallLimits = CallLimits(),
    retries: RetryConfiguration = RetryConfiguration()
  ) {
    self.runtime = runtime
    self.retries = ChannelRetries(retries)
    self.limits = limits
  }

  func start(_ call: ClientCall) { calls.append(call) }
}

/// A transport that keeps what a client's call asks of it.
final class RecordingClientTransport: CallTransport {
  let operations = Record<ClientOperation>()
  private let consumedBytes = Mutex(0)

  func perform(_ operation: ClientOperation) { operations.append(operation) }
  func consumed(_ bytes: Int) { consumedBytes.withLock { $0 += bytes } }

  /// One letter an operation.
  var letters: String {
    operations.all.map { operation in
      switch operation {
      case .message: "m"
      case .end: "e"
      case .cancel: "c"
      }
    }.joined()
  }
}

/// A client's call that a test carries by hand.
struct BareClient {
  let executor = SteppingExecutor(seed: 1)
  let clock = ManualClock()
  let channel: LateChannel
  let transport = RecordingClientTransport()

  init(retries: RetryConfiguration = RetryConfiguration()) {
    channel = LateChannel(
      runtime: TaskRuntime(executor: executor, clock: clock), retries: retries)
  }

  func start<T: Sendable>(_ work: @escaping @Sendable (LateChannel) async throws -> T) -> Work<T> {
    let channel = channel
    return Work(on: executor) { try await work(channel) }
  }

  func settle() { _ = executor.runUntilIdle() }
}
