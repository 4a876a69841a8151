import GRPC
import Logging
import Synchronization

/// A transport that keeps what a server's call asks of it.
final class RecordingTransport: CallTransport {
  private let operations = Record<ServerOperation>()
  private let consumedBytes = Mutex(0)

  func perform(_ operation: ServerOperation) {
    guard case .answer(let head, let message, let trailers) = operation else {
      operations.append(operation)
      return
    }
    operations.append(.initialMetadata(head))
    operations.append(.message(message))
    operations.append(.trailers(trailers))
  }

  func consumed(_ bytes: Int) { consumedBytes.withLock { $0 += bytes } }

  var consumedCount: Int { consumedBytes.withLock { $0 } }
  var all: [ServerOperation] { operations.all }

  /// The codes of all ends that were asked for; there must be one at most.
  var ends: [StatusCode] {
    all.compactMap { operation in
      switch operation {
      case .trailers(let trailers), .abort(let trailers): trailers.code
      case .initialMetadata, .message, .answer: nil
      }
    }
  }

  var messages: [[UInt8]] {
    all.compactMap { operation in
      if case .message(let message) = operation { message.payload } else { nil }
    }
  }
}

/// A server's call that a test feeds by hand.
struct BareCall {
  let executor = SteppingExecutor(seed: 1)
  let clock = ManualClock()
  let transport = RecordingTransport()
  let call: ServerCall

  init(
    _ method: MethodDescriptor, timeout: Duration? = nil, limits: CallLimits = CallLimits(),
    _ services: (inout Router) -> Void = { $0.add(EchoService()) }
  ) {
    var router = Router()
    services(&router)
    call = ServerCall(
      head: RequestHead(path: method.path, timeout: timeout), peer: CallPeer(address: "test"),
      router: router,
      limits: limits, transport: transport, runtime: TaskRuntime(executor: executor, clock: clock),
      logger: Logger(label: "test") { _ in RecordingLogHandler(record: Record()) })
    call.begin()
  }

  func send(_ texts: String...) {
    for text in texts {
      let count = text.utf8.count
      call.receive([0, 0, 0, UInt8(count >> 8), UInt8(count & 255)] + Array(text.utf8))
    }
  }

  func settle() { _ = executor.runUntilIdle() }
}

/// Ends only by cancellation, and then throws.
func forever() async throws {
  try await Task.sleep(for: .seconds(1_000_000))
}
