import GRPC
import HTTP2
import NIOCore
import Testing

@testable import GRPCTransport

@Suite("A client that makes the server hold things", .timeLimit(.minutes(2)), .serialized)
struct MemoryBoundTests {
  private static let refused = HTTP2ErrorCode.refusedStream.rawValue

  /// What may be held before it is seen.
  private static let slack = HeldMemory.portion + 16_384

  private static func configuration(connection: Int = 4 << 20, all: Int = 1 << 30)
    -> ServerConfiguration
  {
    var configuration = ServerConfiguration()
    configuration.connectionMemory = connection
    configuration.memory = all
    return configuration
  }

  /// Bytes as the body of a stream.
  private static func body(_ stream: UInt32, _ bytes: [UInt8]) -> [UInt8] {
    stride(from: 0, to: bytes.count, by: 16_000).flatMap {
      Frames.data(stream, Array(bytes[$0..<min($0 + 16_000, bytes.count)]))
    }
  }

  /// Calls of a method that does not read.
  private static func open(_ numbers: Range<UInt32>) -> [UInt8] {
    numbers.flatMap { Frames.headers(Frames.id($0), "/test.Echo/Ignore") }
  }

  /// A message's first half, of 512 KiB.
  private static let half = Frames.message([UInt8](repeating: 1, count: 512 << 10), length: 1 << 20)

  /// What each connection holds, counted now.
  private static func held(_ server: GRPCServer) async -> [Int] {
    var held: [Int] = []
    for link in server.registry.links {
      held.append(
        await link.ask { $0.role.streams.reduce(0) { $0 + ($1?.heldBytes ?? 0) } })
    }
    return held
  }

  /// Returns once the server has worked off what was sent before.
  private static func settle(_ peer: RawPeer) async {
    let before = peer.log.contents.frames[Frames.Kind.ping.rawValue, default: 0]
    _ = await peer.send(Frames.frame(.ping, [UInt8](repeating: 0, count: 8)))
    await peer.log.wait { $0.frames[Frames.Kind.ping.rawValue, default: 0] > before }
  }

  /// Gives the peer the windows that the server's settings promise (RFC 9113 §6.5.3).
  private static func acknowledge(_ peer: RawPeer) async {
    await peer.log.wait { $0.frames[Frames.Kind.settings.rawValue] != nil }
    _ = await peer.send(Frames.frame(.settings, flags: Frames.acknowledgement))
  }

  @Test("A thousand requests that nobody reads stay within the bound, and the last are refused")
  func unreadRequests() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      let message = Frames.message([UInt8](repeating: 1, count: 15_000))
      try await RawPeer.with(fixture.server.endpoint) { peer in
        for number in 0..<UInt32(1_000) {
          let id = Frames.id(number)
          #expect(await peer.send(Self.open(number..<number + 1) + Frames.data(id, message)))
        }
        await Self.settle(peer)
        let held = await Self.held(fixture.server)
        #expect(held.allSatisfy { $0 <= 4 << 20 + Self.slack }, "\(held)")
        #expect(held.contains { $0 > 3 << 20 }, "\(held)")
        let heard = peer.log.contents
        #expect(heard.resets[Frames.id(999)] == Self.refused)
        #expect(
          heard.resets.count > 700 && heard.ended.isEmpty && !heard.isClosed, "\(heard.frames)")
        #expect(fixture.service.ignoring.value + heard.resets.count == 1_000)
        _ = try await Bystander.call(fixture.client)
      }
    }
  }

  @Test("Unfinished messages beyond the connection's bound cost the calls that hold most")
  func unfinishedMessages() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await RawPeer.with(fixture.server.endpoint) { peer in
        await Self.acknowledge(peer)
        #expect(await peer.send(Self.open(0..<40)))
        for number in 0..<UInt32(40) {
          #expect(await peer.send(Self.body(Frames.id(number), Self.half)))
        }
        await Self.settle(peer)
        let held = await Self.held(fixture.server)
        #expect(held.allSatisfy { $0 <= 4 << 20 + Self.slack }, "\(held)")
        let heard = peer.log.contents
        #expect(heard.ended.count >= 32 && !heard.isClosed, "\(heard.frames)")
      }
      _ = try await Bystander.call(fixture.client)
    }
  }

  @Test("A call that is ended for the memory it holds learns of RESOURCE_EXHAUSTED")
  func status() async throws {
    let configuration = Self.configuration(connection: 256 << 10)
    try await Fixture.run(.tcp, server: configuration) { fixture in
      let error = await failure {
        let _: Bytes = try await fixture.client.clientStreaming(EchoService.ignore) {
          (requests: RequestWriter<Bytes>) in
          for _ in 0..<100 { try await requests.write(Bytes(count: 16 << 10)) }
        }
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test("Very many empty messages count for more than their bytes")
  func emptyMessages() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      try await RawPeer.with(fixture.server.endpoint) { peer in
        await Self.acknowledge(peer)
        let empty = [UInt8](repeating: 0, count: 5 * 100_000)
        #expect(await peer.send(Self.open(0..<1) + Self.body(1, empty)))
        await Self.settle(peer)
        #expect(peer.log.contents.ended == [1])
      }
      _ = try await Bystander.call(fixture.client)
    }
  }

  @Test("Answers that nobody takes are bounded")
  func untakenAnswers() async throws {
    try await Fixture.run(.tcp, server: Self.configuration()) { fixture in
      let message = Frames.message([UInt8](repeating: 1, count: 256 << 10))
      // No window at all for answers.
      let opening = Frames.magic + Frames.settings([4: 0])
      try await RawPeer.with(fixture.server.endpoint, sending: opening) { peer in
        await Self.acknowledge(peer)
        for number in 0..<UInt32(40) { #expect(await peer.send(Frames.headers(Frames.id(number)))) }
        for number in 0..<UInt32(40) {
          let id = Frames.id(number)
          #expect(await peer.send(Self.body(id, message) + Frames.data(id, [], ends: true)))
        }
        await Self.settle(peer)
        let held = await Self.held(fixture.server)
        #expect(held.allSatisfy { $0 <= 4 << 20 + Self.slack }, "\(held)")
        #expect(!peer.log.contents.isClosed)
        let codes = Set(peer.log.contents.resets.values)
        #expect(codes == [HTTP2ErrorCode.enhanceYourCalm.rawValue], "\(codes)")
      }
      _ = try await Bystander.call(fixture.client)
    }
  }

  @Test("Beyond the server's bound, the connection that holds most gives back, idle as it is")
  func serverMemory() async throws {
    let configuration = Self.configuration(connection: 64 << 20, all: 4 << 20)
    try await Fixture.run(.tcp, server: configuration) { fixture in
      let greedy = try await RawPeer.connect(fixture.server.endpoint)
      await Self.acknowledge(greedy)
      #expect(await greedy.send(Self.open(0..<6)))
      for number in 0..<UInt32(6) {
        #expect(await greedy.send(Self.body(Frames.id(number), Self.half)))
      }
      await Self.settle(greedy)
      var others: [RawPeer] = []
      for _ in 0..<4 {
        let peer = try await RawPeer.connect(fixture.server.endpoint)
        others.append(peer)
        await Self.acknowledge(peer)
        #expect(await peer.send(Self.open(0..<1) + Self.body(1, Self.half)))
        await Self.settle(peer)
      }
      // Whatever was asked of their connections is done before the answers to this: all have
      // counted, and once more for what that count found.
      for _ in 0..<2 {
        for peer in others + [greedy] { await Self.settle(peer) }
      }
      #expect(!greedy.log.contents.ended.isEmpty)
      let held = await Self.held(fixture.server)
      #expect(held.reduce(0, +) <= 4 << 20 + held.count * Self.slack, "\(held)")
      #expect(others.allSatisfy { $0.log.contents.ended.isEmpty })
      _ = try await Bystander.call(fixture.client)
      for peer in others + [greedy] { await peer.close() }
    }
  }

  @Test("Handlers that ignore their cancellation count until they end, whatever is reset")
  func abandonedHandlers() async throws {
    var configuration = ServerConfiguration()
    configuration.connections.concurrentStreams = 10
    try await Fixture.run(.tcp, server: configuration) { fixture in
      try await RawPeer.with(fixture.server.endpoint) { peer in
        for number in 0..<UInt32(30) {
          let id = Frames.id(number)
          #expect(await peer.send(Self.open(number..<number + 1) + Frames.reset(id)))
        }
        let late = Frames.id(30)
        #expect(await peer.send(Self.open(30..<31)))
        await Self.settle(peer)
        #expect(peer.log.contents.resets[late] == Self.refused)
        #expect(fixture.service.ignoring.value == 10)
        _ = try await Bystander.call(fixture.client)
        fixture.service.gate.fire()
        // They end, and give their places back.
        for number in UInt32(31)..<500 {
          let id = Frames.id(number)
          #expect(await peer.send(Frames.call(id)))
          let heard = await peer.log.wait { $0.ended.contains(id) || $0.resets[id] != nil }
          if heard.ended.contains(id) { return }
        }
        Issue.record("no place was given back")
      }
    }
  }

  @Test("A server counts the handlers that connections leave behind, and each that ends")
  func handlersOfLostConnections() async throws {
    var configuration = ServerConfiguration()
    configuration.connections.concurrentStreams = 10
    configuration.maximumAbandonedHandlers = 25
    try await Fixture.run(.tcp, server: configuration) { fixture in
      for _ in 0..<4 {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          #expect(await peer.send(Self.open(0..<10)))
          await Self.settle(peer)
        }
        while fixture.server.connectionCount > 0 { await Task.yield() }
      }
      // The third connection found twenty, the fourth thirty.
      #expect(fixture.service.ignoring.value == 30)
      try await RawPeer.with(fixture.server.endpoint) { peer in
        #expect(await peer.send(Frames.call(1)))
        await Self.settle(peer)
        #expect(peer.log.contents.resets == [1: Self.refused])
        fixture.service.gate.fire()
        for number in UInt32(1)..<500 {
          let id = Frames.id(number)
          #expect(await peer.send(Frames.call(id)))
          let heard = await peer.log.wait { $0.ended.contains(id) || $0.resets[id] != nil }
          if heard.ended.contains(id) { return }
        }
        Issue.record("no place was given back")
      }
    }
  }

  @Test("Calls that are merely open, and their metadata, count as well")
  func openCalls() async throws {
    try await Fixture.run(.tcp, server: Self.configuration(connection: 1 << 20)) { fixture in
      let more = (0..<7).flatMap { Frames.literal("x-\($0)", String(repeating: "v", count: 950)) }
      for (metadata, most) in [([], 256), (more, 64)] as [([UInt8], Int)] {
        try await RawPeer.with(fixture.server.endpoint) { peer in
          for number in 0..<UInt32(400) {
            let id = Frames.id(number)
            #expect(await peer.send(Frames.headers(id, "/test.Echo/Join", metadata)))
          }
          await Self.settle(peer)
          let refused = peer.log.contents.resets.values.count { $0 == Self.refused }
          #expect((400 - most..<400).contains(refused), "\(refused)")
          #expect(!peer.log.contents.isClosed)
        }
      }
    }
  }

  @Test("Answers do not wait uncounted for what others have handed to the connection's loop")
  func handedOver() async throws {
    let configuration = Self.configuration(all: 1 << 20)
    try await Fixture.run(.tcp, server: configuration) { fixture in
      let message = Frames.message([UInt8](repeating: 1, count: 64 << 10))
      let opening = Frames.magic + Frames.settings([4: 0])
      try await RawPeer.with(fixture.server.endpoint, sending: opening) { peer in
        await Self.acknowledge(peer)
        await Self.settle(peer)
        let link = try #require(fixture.server.registry.links.first)
        let body = Frames.headers(1) + Self.body(1, message) + Frames.data(1, [], ends: true)
        // Both within one turn of the loop: what is handed over waits while the call is answered.
        let queued = await link.ask { link in
          link.hop { _ in }
          link.channel?.pipeline.fireChannelRead(ByteBuffer(bytes: body))
          let queued = link.session.heldBytes.queued
          link.channel?.pipeline.fireChannelReadComplete()
          return queued
        }
        #expect(queued == message.count)
      }
    }
  }
}
