import GRPC
import Synchronization

/// A message that is its bytes.
struct Bytes: WireMessage, Equatable, ExpressibleByStringLiteral {
  var bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }
  init(_ text: String) { bytes = Array(text.utf8) }
  init(stringLiteral value: String) { self.init(value) }
  init(count: Int) { bytes = [UInt8](repeating: 0x5a, count: count) }
  init(wireBytes: [UInt8]) throws {
    if wireBytes == Array("undecodable".utf8) { throw RPCError(.internal, "undecodable") }
    bytes = wireBytes
  }
  func wireBytes() throws -> [UInt8] { bytes }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Something that happens once and can be waited for.
final class Signal: Sendable {
  private struct State {
    var hasFired = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  var hasFired: Bool { state.withLock(\.hasFired) }

  func fire() {
    let waiters = state.withLock { state in
      state.hasFired = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Does not answer to cancellation: it is also what a stubborn handler waits for.
  func wait() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if !state.hasFired { state.waiters.append(continuation) }
        return state.hasFired
      }
      if isOver { continuation.resume() }
    }
  }
}

/// Methods of every shape, and handlers that end only when they are told to.
struct EchoService: RPCService {
  static let say = MethodDescriptor(service: "test.Echo", method: "Say", kind: .unary)
  static let join = MethodDescriptor(service: "test.Echo", method: "Join", kind: .clientStreaming)
  static let split = MethodDescriptor(service: "test.Echo", method: "Split", kind: .serverStreaming)
  static let chat = MethodDescriptor(
    service: "test.Echo", method: "Chat", kind: .bidirectionalStreaming)
  static let hang = MethodDescriptor(service: "test.Echo", method: "Hang", kind: .unary)
  static let wait = MethodDescriptor(service: "test.Echo", method: "Wait", kind: .unary)
  static let pour = MethodDescriptor(service: "test.Echo", method: "Pour", kind: .serverStreaming)
  static let ignore = MethodDescriptor(
    service: "test.Echo", method: "Ignore", kind: .clientStreaming)
  static let fail = MethodDescriptor(service: "test.Echo", method: "Fail", kind: .unary)
  static let unknown = MethodDescriptor(service: "test.Echo", method: "Unknown", kind: .unary)

  /// A `hang` or `wait` has begun.
  let began = Signal()
  /// A `hang` was cancelled.
  let cancelled = Signal()
  /// Lets `wait` and `ignore` go on.
  let gate = Signal()
  /// Messages that `pour` has written.
  let poured = Counter()
  /// Handlers of `ignore` that have begun.
  let ignoring = Counter()

  func register(in router: inout Router) {
    router.unary(Self.say) { (request: Bytes, context) in
      context.setTrailingMetadata(context.metadata)
      return request
    }
    router.clientStreaming(Self.join) { (requests: RequestStream<Bytes>, _) in
      var joined: [UInt8] = []
      for try await request in requests { joined += request.bytes }
      return Bytes(joined)
    }
    router.serverStreaming(Self.split) {
      (request: Bytes, responses: ResponseWriter<Bytes>, context) in
      context.sendInitialMetadata(context.metadata)
      for byte in request.bytes { try await responses.write(Bytes([byte])) }
    }
    router.bidirectionalStreaming(Self.chat) {
      (requests: RequestStream<Bytes>, responses: ResponseWriter<Bytes>, _) in
      for try await request in requests {
        if request.text == "stop" { throw RPCError(.aborted, "told to stop") }
        try await responses.write(request)
      }
    }
    router.unary(Self.fail) { (request: Bytes, _) -> Bytes in
      var error = RPCError(.failedPrecondition, request.text, details: [8, 9, 0, 255])
      try error.metadata.addBinary("reason-bin", [0, 1, 255])
      throw error
    }
    registerPatient(in: &router)
  }

  private func registerPatient(in router: inout Router) {
    router.unary(Self.hang) { (_: Bytes, _) -> Bytes in
      began.fire()
      defer { cancelled.fire() }
      try await Task.sleep(for: .seconds(3_600))
      return "never"
    }
    router.unary(Self.wait) { (request: Bytes, _) -> Bytes in
      began.fire()
      await gate.wait()
      return request
    }
    router.serverStreaming(Self.pour) { (_: Bytes, responses: ResponseWriter<Bytes>, _) in
      for _ in 0..<100 {
        try await responses.write(Bytes(count: 64 << 10))
        poured.add(1)
      }
    }
    router.clientStreaming(Self.ignore) { (requests: RequestStream<Bytes>, _) in
      ignoring.add(1)
      await gate.wait()
      var count = 0
      for try await request in requests { count += request.bytes.count }
      return Bytes("\(count)")
    }
  }
}

final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add(_ more: Int) { count.withLock { $0 += more } }
}
