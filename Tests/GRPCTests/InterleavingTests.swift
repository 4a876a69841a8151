import Synchronization
import Testing

@testable import GRPC

/// What a transport can tell a call.
private enum PeerEvent: CaseIterable, Sendable {
  case head, message, half, ok, error, end, reset, refused, lost, unsent
}

/// Where the client is when the events begin.
private enum Phase: CaseIterable, Sendable {
  case waiting, writing, halfClosed, cancelled
}

/// What should become of a call, said again in few words and without any of the call's code.
private struct Expectation {
  let isUnary: Bool
  private(set) var code: StatusCode?
  private(set) var messages = 0
  private var isAnswered = false
  private var wasRefused = false
  private var unsent = 0
  private var bytes: [UInt8] = []

  init(isUnary: Bool, _ phase: Phase) {
    self.isUnary = isUnary
    if phase == .cancelled { code = .cancelled }
  }

  mutating func note(_ event: PeerEvent) {
    guard code == nil else { return }
    switch event {
    case .head: isAnswered = true
    case .message: receive(InterleavingTests.message)
    case .half: receive(InterleavingTests.half)
    case .ok: code = bytes.isEmpty ? (isUnary && messages != 1 ? .unimplemented : .ok) : .internal
    case .error: code = .aborted
    case .end: code = .unknown
    case .reset: code = .internal
    case .lost: code = .unavailable
    case .refused:
      if isAnswered || wasRefused { code = .unavailable }
      wasRefused = true
    case .unsent:
      unsent += 1
      if isAnswered || unsent > 8 { code = .unavailable }
    }
  }

  private mutating func receive(_ more: [UInt8]) {
    isAnswered = true
    bytes += more
    while bytes.count >= 5 {
      let length = bytes[1..<5].reduce(0) { $0 << 8 | Int($1) }
      if bytes[0] > 1 || bytes[0] == 1 { code = .internal }
      if length > 4 << 20 { code = .resourceExhausted }
      guard code == nil, bytes.count >= 5 + length else { return }
      bytes.removeFirst(5 + length)
      messages += 1
    }
    if isUnary, messages > 1 { code = .unimplemented }
  }
}

/// A channel that attaches each attempt at once, or never, and holds no call that it need not.
private final class EagerChannel: RPCChannel {
  private struct State {
    var call: ClientCall?
    var transports: [RecordingClientTransport] = []
  }
  let runtime: any CallRuntime
  let limits = CallLimits()
  let retries = ChannelRetries(RetryConfiguration())
  private let attaches: Bool
  private let state = Mutex(State())

  init(_ runtime: any CallRuntime, attaches: Bool) {
    self.runtime = runtime
    self.attaches = attaches
  }

  var call: ClientCall? { state.withLock(\.call) }
  var transports: [RecordingClientTransport] { state.withLock(\.transports) }
  func forget() { state.withLock { $0.call = nil } }

  func start(_ call: ClientCall) {
    let transport = RecordingClientTransport()
    state.withLock { state in
      state.call = call
      if attaches { state.transports.append(transport) }
    }
    if attaches { call.attach(transport) }
  }
}

@Suite("Whatever a peer does in whatever order")
struct InterleavingTests {
  fileprivate static let message: [UInt8] = [0, 0, 0, 0, 1, UInt8(ascii: "a")]
  fileprivate static let half: [UInt8] = [0, 0, 0, 0, 3, UInt8(ascii: "b")]

  private static func tell(_ event: PeerEvent, to call: ClientCall) {
    switch event {
    case .head: call.receive(ResponseHead())
    case .message: call.receive(message)
    case .half: call.receive(half)
    case .ok: call.receive(ResponseTrailers())
    case .error: call.receive(ResponseTrailers(RPCError(.aborted)))
    case .end: call.receive(ResponseTrailers(fields: [], isTrailersOnly: false))
    case .reset: call.fail(RPCError(.internal), .processed)
    case .refused: call.fail(RPCError(.unavailable), .refused)
    case .lost: call.fail(RPCError(.unavailable), .processed)
    case .unsent: call.fail(RPCError(.unavailable), .unsent)
    }
  }

  /// Runs one call through the events, then loses its connection, and checks every law.
  private func run(isUnary: Bool, _ phase: Phase, _ events: [PeerEvent]) {
    let name = "unary: \(isUnary), \(phase), \(events)"
    let executor = SteppingExecutor(seed: 1)
    let clock = ManualClock()
    let channel = EagerChannel(
      TaskRuntime(executor: executor, clock: clock), attaches: phase != .waiting)
    let messages = Record<Text>()
    let work = Work<Void>(on: executor) {
      let options = CallOptions(timeout: .seconds(9))
      guard !isUnary else {
        messages.append(try await channel.unary(Methods.unary, Text("q"), options: options))
        return
      }
      try await channel.bidirectionalStreaming(Methods.chat, options: options) {
        (requests: RequestWriter<Text>, responses: ResponseStream<Text>) in
        try await requests.write("q")
        if phase == .halfClosed { requests.finish() }
        for try await response in responses { messages.append(response) }
      }
    }
    _ = executor.runUntilIdle()
    if phase == .cancelled { work.task.cancel() }
    var expected = Expectation(isUnary: isUnary, phase)
    weak let weakCall = channel.call
    for event in events + [.lost] {
      guard let call = channel.call else {
        Issue.record("no call: \(name)")
        return
      }
      Self.tell(event, to: call)
      expected.note(event)
      // The reader may come in between, or not: what it finds must be the same.
      if events.count % 2 == 0 { _ = executor.runUntilIdle() }
    }
    _ = executor.runUntilIdle()
    channel.forget()

    #expect(work.isDone, "no status: \(name)")
    let code = work.anyError == nil ? StatusCode.ok : work.error?.code
    #expect(code == expected.code, "\(name)")
    if !isUnary, [.ok, .aborted, .unknown].contains(expected.code) {
      #expect(messages.all.count == expected.messages, "\(name)")
    }
    #expect(channel.retries.bufferedBytes == 0, "kept requests: \(name)")
    #expect(clock.sleeperCount == 0, "a timer is left: \(name)")
    #expect(weakCall == nil, "the call is held: \(name)")
    for transport in channel.transports {
      let letters = transport.letters
      #expect(letters.wholeMatch(of: /m*e?c?/) != nil, "\(letters): \(name)")
    }
  }

  @Test("every order of three events gives exactly one status, the right one, and leaves nothing")
  func allOfThree() {
    for phase in Phase.allCases {
      for first in PeerEvent.allCases {
        run(isUnary: phase == .writing, phase, [first])
        for second in PeerEvent.allCases {
          run(isUnary: false, phase, [first, second])
          run(isUnary: true, phase, [first, second])
          for third in PeerEvent.allCases {
            run(isUnary: false, phase, [first, second, third])
            run(isUnary: true, phase, [first, second, third])
          }
        }
      }
    }
  }

  @Test("so does any longer order", arguments: 1...200)
  func longer(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<5 {
      let count = Int.random(in: 4...20, using: &random)
      let events = (0..<count).map { _ in
        PeerEvent.allCases.randomElement(using: &random) ?? .head
      }
      run(
        isUnary: Bool.random(using: &random),
        Phase.allCases.randomElement(using: &random) ?? .waiting, events)
    }
  }
}
