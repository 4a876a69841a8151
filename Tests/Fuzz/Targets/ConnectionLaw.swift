import GRPC
import HTTP2
import Logging
import Synchronization

/// A whole server's connection without a socket: any bytes are answered or refused, and when the
/// connection is over, so is every handler.
enum ConnectionLaw {
  /// The first byte says in which pieces the rest is fed.
  static func check(_ input: [UInt8]) throws(BrokenLaw) {
    guard let cut = input.first else { return }
    guard let connection = ServedConnection() else { return }
    let bytes = HTTP2Law.preface + input.dropFirst()
    let size = cut == 0 ? bytes.count : Int(cut)
    var offset = 0
    while offset < bytes.count, !connection.isOver {
      let piece = Array(bytes[offset..<min(offset + size, bytes.count)])
      offset += piece.count
      connection.receive(piece)
    }
    connection.close()
    try law(connection.running == 0, "\(connection.running) handlers outlive their connection")
    try law(connection.calls == 0, "\(connection.calls) calls outlive their connection")
  }
}

/// The jobs of handlers, run in order when the connection has time for them.
private final class JobQueue: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
  }

  func drain() {
    while true {
      let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      guard let job else { return }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}

/// Runs handlers on the queue, at a time that stands still.
private struct FuzzRuntime: CallRuntime {
  let queue: JobQueue
  let running = Counter()
  let now = ContinuousClock.now

  func start(_ handler: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    running.add(1)
    return Task.immediate(executorPreference: queue) {
      await handler()
      running.add(-1)
    }
  }

  func schedule(
    after delay: Duration, _ action: @escaping @Sendable () -> Void
  ) -> any ScheduledAction {
    NoTimer()
  }

  private struct NoTimer: ScheduledAction {
    func cancel() {}
  }
}

private final class Counter: Sendable {
  private let value = Mutex(0)
  var count: Int { value.withLock { $0 } }
  func add(_ more: Int) { value.withLock { $0 += more } }
}

/// A message that is its bytes.
private struct Raw: WireMessage {
  var bytes: [UInt8]
  init(wireBytes: [UInt8]) { bytes = wireBytes }
  func wireBytes() -> [UInt8] { bytes }
}

/// Carries calls as a server's connection does.
///
/// SAFETY: `@unchecked`, since the fuzzer and its handlers share one thread.
private final class ServedConnection: @unchecked Sendable {
  private var session: HTTP2Session
  private var open: [HTTP2Stream: ServerCall] = [:]
  private var answered: Set<HTTP2Stream> = []
  private var heads: RequestHeadReader
  private let router = ServedConnection.router
  private let runtime = FuzzRuntime(queue: JobQueue())
  private(set) var isOver = false

  var running: Int { runtime.running.count }
  var calls: Int { open.count }

  init?() {
    guard let session = try? HTTP2Session(role: .server) else { return nil }
    self.session = session
    heads = RequestHeadReader(router: router, limits: CallLimits())
  }

  private static let router: Router = {
    var router = Router()
    router.unary(MethodDescriptor(service: "t.E", method: "U", kind: .unary)) { (q: Raw, _) in q }
    router.bidirectionalStreaming(
      MethodDescriptor(service: "t.E", method: "B", kind: .bidirectionalStreaming)
    ) { (requests: RequestStream<Raw>, responses: ResponseWriter<Raw>, _) in
      for try await request in requests { try await responses.write(request) }
    }
    return router
  }()

  func receive(_ piece: [UInt8]) {
    do {
      try session.receive(piece.span.bytes)
    } catch {
      isOver = true
    }
    deliver(isOver ? [] : piece)
    runtime.queue.drain()
    _ = try? session.transmit { _ in }
    deliver([])
    if session.isFinished { isOver = true }
  }

  /// The connection is lost.
  func close() {
    isOver = true
    let calls = open.values
    open = [:]
    for call in calls { call.reset() }
    runtime.queue.drain()
  }

  private func deliver(_ input: [UInt8]) {
    while let event = session.nextEvent() {
      switch event {
      case .headers(let stream, let block, _):
        if open[stream] == nil, !answered.contains(stream) { begin(stream, block) }
      case .data(let stream, let range):
        if let call = open[stream] {
          _ = call.receive(input.span.bytes.extracting(range))
        } else {
          session.consume(range.count, on: stream)
        }
      case .end(let stream): open[stream]?.receiveEnd()
      case .writable(let stream): open[stream]?.sent(session.queuedBytes(on: stream))
      case .closed(let stream, _):
        answered.remove(stream)
        open.removeValue(forKey: stream)?.reset()
      case .headersTooLarge, .goAway, .settings, .ping, .pong: break
      }
    }
  }

  private func begin(_ stream: HTTP2Stream, _ block: HeaderBlock) {
    do {
      block.forEachField { heads.read(name: $0, value: $1) }
      let head = try heads.finish()
      let call = ServerCall(
        head: head, peer: CallPeer(address: "fuzz"), router: router,
        transport: Way(connection: self, stream: stream), runtime: runtime,
        logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
      open[stream] = call
      call.begin()
    } catch {
      let fields = ResponseTrailers(error.error).fieldsOnly(httpStatus: error.httpStatus)
      try? session.respond(on: stream, Self.block(fields), ends: true)
    }
  }

  private static func block(_ fields: [HeaderField]) -> HeaderBlock {
    var block = HeaderBlock()
    for field in fields { block.append(name: field.name.utf8, value: field.value.utf8) }
    return block
  }

  /// One call's way out.
  private final class Way: CallTransport {
    private let connection: ServedConnection
    private let stream: HTTP2Stream

    init(connection: ServedConnection, stream: HTTP2Stream) {
      self.connection = connection
      self.stream = stream
    }

    func perform(_ operation: ServerOperation) { connection.perform(operation, stream) }
    func consumed(_ bytes: Int) { connection.session.consume(bytes, on: stream) }
  }

  private func perform(_ operation: ServerOperation, _ stream: HTTP2Stream) {
    switch operation {
    case .initialMetadata(let head):
      answered.insert(stream)
      try? session.respond(on: stream, Self.block(head.fields))
    case .message(let message):
      var bytes: [UInt8] = []
      message.append(to: &bytes)
      if session.write(bytes.span.bytes, on: stream) { open[stream]?.sent(message.framedCount) }
    case .trailers(let trailers), .abort(let trailers):
      if answered.insert(stream).inserted {
        try? session.respond(on: stream, Self.block(trailers.fieldsOnly()), ends: true)
      } else {
        session.finish(stream, trailers: Self.block(trailers.fields))
      }
    }
  }
}
