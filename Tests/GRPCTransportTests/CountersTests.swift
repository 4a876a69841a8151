import GRPC
import GRPCTransport
import Testing

@Suite("What a server counts", .timeLimit(.minutes(1)))
struct CountersTests {
  @Test("calls by how they ended, and messages both ways, also of a connection that is gone")
  func counts() async throws {
    try await Fixture.run { fixture in
      #expect(await fixture.server.counters() == CallCounters())
      let answer = try await fixture.client.bidirectionalStreaming(EchoService.chat) {
        (requests: RequestWriter<Bytes>, responses: ResponseStream<Bytes>) in
        for text in ["a", "b", "c"] { try await requests.write(Bytes(text)) }
        requests.finish()
        var count = 0
        for try await _ in responses { count += 1 }
        return count
      }
      #expect(answer == 3)
      for method in [EchoService.fail, EchoService.unknown] {
        await #expect(throws: RPCError.self) {
          try await fixture.client.unary(method, Bytes("x")) as Bytes
        }
      }
      let open = await fixture.server.counters()
      #expect(open.started == 3)
      #expect(open.succeeded == 1)
      #expect(open.failed == 2)
      #expect(open.underWay == 0)
      // The unknown method's request is not read as a message.
      #expect((4...5).contains(open.messagesReceived))
      #expect(open.messagesSent == 3)
      #expect(open.lastStarted != nil && open.lastSent != nil && open.lastReceived != nil)
      await fixture.client.close()
      while fixture.server.connectionCount > 0 { await Task.yield() }
      let closed = await fixture.server.counters()
      #expect(closed.succeeded == 1 && closed.failed == 2 && closed.underWay == 0)
      #expect(closed.messagesReceived == open.messagesReceived && closed.messagesSent == 3)
    }
  }

  @Test("a call that its client gave up has failed")
  func cancelled() async throws {
    try await Fixture.run { fixture in
      let task = Task { try await fixture.client.unary(EchoService.hang, Bytes("x")) as Bytes }
      await fixture.service.began.wait()
      #expect(await fixture.server.counters().underWay == 1)
      task.cancel()
      await fixture.service.cancelled.wait()
      let counters = await fixture.server.counters()
      #expect(counters.failed == 1)
      #expect(counters.underWay == 0)
    }
  }
}
