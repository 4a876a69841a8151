import GRPC
import GRPCTransport
import Testing

@Suite("Calls over sockets", .timeLimit(.minutes(1)))
struct CallTests {
  @Test("A unary call is answered", arguments: SocketKind.allCases)
  func unary(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      let answer: Bytes = try await fixture.client.unary(EchoService.say, Bytes("hello"))
      #expect(answer == "hello")
      let nothing: Bytes = try await fixture.client.unary(EchoService.say, Bytes(""))
      #expect(nothing == "")
    }
  }

  @Test("A stream of requests is answered once", arguments: SocketKind.allCases)
  func clientStreaming(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      let answer: Bytes = try await fixture.client.clientStreaming(EchoService.join) {
        (requests: RequestWriter<Bytes>) in
        for number in 0..<1_000 { try await requests.write(Bytes("\(number),")) }
      }
      #expect(answer.text == (0..<1_000).map { "\($0)," }.joined())
    }
  }

  @Test("One request is answered by a stream", arguments: SocketKind.allCases)
  func serverStreaming(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      let request = Bytes((0..<5_000).map { UInt8(truncatingIfNeeded: $0) })
      let answer = try await fixture.client.serverStreaming(EchoService.split, request) {
        (responses: ResponseStream<Bytes>) in
        var all: [UInt8] = []
        for try await response in responses { all += response.bytes }
        return all
      }
      #expect(answer == request.bytes)
    }
  }

  @Test("Both sides stream, in turn", arguments: SocketKind.allCases)
  func bidirectional(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      try await fixture.client.bidirectionalStreaming(EchoService.chat) {
        (requests: RequestWriter<Bytes>, responses: ResponseStream<Bytes>) in
        var iterator = responses.makeAsyncIterator()
        for number in 0..<200 {
          try await requests.write(Bytes("\(number)"))
          let answer = try await iterator.next()
          #expect(answer?.text == "\(number)")
        }
        requests.finish()
        let end = try await iterator.next()
        #expect(end == nil)
      }
    }
  }

  @Test("Metadata goes both ways, text and bytes, in order")
  func metadata() async throws {
    try await Fixture.run { fixture in
      var options = CallOptions()
      try options.metadata.add("x-text", "one")
      try options.metadata.add("x-text", "two")
      try options.metadata.addBinary("x-bytes-bin", [0, 255, 10])
      let sent = options.metadata
      try await fixture.client.serverStreaming(EchoService.split, Bytes("ab"), options: options) {
        (responses: ResponseStream<Bytes>) in
        var iterator = responses.makeAsyncIterator()
        _ = try await iterator.next()
        let initial = try #require(responses.initialMetadata)
        for entry in sent { #expect(initial.contains(entry)) }
      }
    }
  }

  @Test("An error keeps its code, its text in any characters, its details and metadata")
  func errors() async throws {
    try await Fixture.run { fixture in
      let text = "no — naïve\r\n100 % 字"
      let error = await failure {
        let _: Bytes = try await fixture.client.unary(EchoService.fail, Bytes(text))
      }
      #expect(error?.code == .failedPrecondition)
      #expect(error?.message == text)
      #expect(error?.details == [8, 9, 0, 255])
      #expect(error?.metadata.contains { $0.value == .binary([0, 1, 255]) } == true)
    }
  }

  @Test("A handler that fails in the middle of a stream gives its status, after its messages")
  func lateError() async throws {
    try await Fixture.run { fixture in
      let error = await failure {
        try await fixture.client.bidirectionalStreaming(EchoService.chat) {
          (requests: RequestWriter<Bytes>, responses: ResponseStream<Bytes>) in
          var iterator = responses.makeAsyncIterator()
          try await requests.write("first")
          let first = try await iterator.next()
          #expect(first == "first")
          try await requests.write("stop")
          _ = try await iterator.next()
        }
      }
      #expect(error?.code == .aborted)
      #expect(error?.message == "told to stop")
    }
  }

  @Test("A method that is not there is UNIMPLEMENTED; a request that can't be decoded is INTERNAL")
  func refusals() async throws {
    try await Fixture.run { fixture in
      let unknown = await failure {
        let _: Bytes = try await fixture.client.unary(EchoService.unknown, Bytes(""))
      }
      #expect(unknown?.code == .unimplemented)
      let undecodable = await failure {
        let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes("undecodable"))
      }
      #expect(undecodable?.code == .internal)
    }
  }

  @Test("Messages up to the limit pass, larger ones are RESOURCE_EXHAUSTED on either side")
  func messageLimits() async throws {
    var generous = ClientConfiguration()
    generous.calls.maximumOutboundMessage = 8 << 20
    try await Fixture.run(client: generous) { fixture in
      let largest = Bytes(count: 4 << 20)
      let answer: Bytes = try await fixture.client.unary(EchoService.say, largest)
      #expect(answer == largest)
      let error = await failure {
        let _: Bytes = try await fixture.client.unary(
          EchoService.say, Bytes(count: 4 << 20 | 1))
      }
      #expect(error?.code == .resourceExhausted)
      let later: Bytes = try await fixture.client.unary(EchoService.say, Bytes("still here"))
      #expect(later == "still here")
    }
    var narrow = ClientConfiguration()
    narrow.calls.maximumInboundMessage = 1_000
    try await Fixture.run(client: narrow) { fixture in
      let error = await failure {
        let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes(count: 1_001))
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test(
    "A thousand calls at once are all answered, each with its own", arguments: SocketKind.allCases)
  func concurrent(kind: SocketKind) async throws {
    // Fewer streams than calls: the rest wait for one.
    var configuration = ServerConfiguration()
    configuration.connections.concurrentStreams = 100
    try await Fixture.run(kind, server: configuration) { fixture in
      let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<1_000 {
          group.addTask {
            let answer: Bytes = try await fixture.client.unary(
              EchoService.say, Bytes("call \(number)"))
            return answer.text != "call \(number)"
          }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(wrong == 0)
      #expect(fixture.server.connectionCount == 1)
    }
  }

  @Test("A deadline ends the call at both ends")
  func deadline() async throws {
    try await Fixture.run { fixture in
      // Connected first, so that the time is the call's alone.
      let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes(""))
      let error = await failure {
        let _: Bytes = try await fixture.client.unary(
          EchoService.hang, Bytes(""), options: CallOptions(timeout: .seconds(1)))
      }
      #expect(error?.code == .deadlineExceeded)
      await fixture.service.cancelled.wait()
    }
  }

  @Test("A call whose deadline has passed is not made")
  func pastDeadline() async throws {
    try await Fixture.run { fixture in
      let error = await failure {
        let _: Bytes = try await fixture.client.unary(
          EchoService.say, Bytes(""), options: CallOptions(timeout: .zero))
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(fixture.server.connectionCount == 0)
    }
  }

  @Test("Cancelling the caller's task cancels the handler's")
  func cancellation() async throws {
    try await Fixture.run { fixture in
      let caller = Task {
        await failure {
          let _: Bytes = try await fixture.client.unary(EchoService.hang, Bytes(""))
        }
      }
      await fixture.service.began.wait()
      caller.cancel()
      #expect(await caller.value?.code == .cancelled)
      await fixture.service.cancelled.wait()
      let answer: Bytes = try await fixture.client.unary(EchoService.say, Bytes("after"))
      #expect(answer == "after")
    }
  }

  @Test("A body that returns early leaves the stream, and the connection goes on")
  func earlyReturn() async throws {
    try await Fixture.run { fixture in
      for _ in 0..<20 {
        try await fixture.client.serverStreaming(EchoService.pour, Bytes("")) {
          (responses: ResponseStream<Bytes>) in
          var iterator = responses.makeAsyncIterator()
          let first = try await iterator.next()
          #expect(first == Bytes(count: 64 << 10))
        }
      }
      let answer: Bytes = try await fixture.client.unary(EchoService.say, Bytes("after"))
      #expect(answer == "after")
    }
  }
}
