import GRPC
import Testing

@Suite("What a handler throws")
struct ErrorTests {
  private func outcome(
    limits: CallLimits = CallLimits(), request: Text = "a", metadata: Metadata = Metadata(),
    _ handler: @escaping @Sendable (Text, ServerContext) async throws -> Text
  ) -> (Work<Text>, World) {
    let world = World(limits: limits) { $0.unary(Methods.unary, handler) }
    let work = world.start { channel in
      var options = CallOptions()
      options.metadata = metadata
      return try await channel.unary(Methods.unary, request, options: options) as Text
    }
    world.settle()
    return (work, world)
  }

  @Test("an RPCError comes as it is: code, text, details and metadata")
  func rpcError() throws {
    var metadata = Metadata()
    try metadata.add("x-why", "because")
    let error = RPCError(
      .failedPrecondition, "die Sitzung läuft\r\n100 %", metadata: metadata,
      details: [8, 9, 0, 255])
    let (work, _) = outcome { _, context in
      var trailing = Metadata()
      try trailing.add("x-first", "1")
      context.setTrailingMetadata(trailing)
      throw error
    }
    let received = try #require(work.error)
    #expect(received.code == error.code)
    #expect(received.message == error.message)
    #expect(received.details == error.details)
    #expect(received.metadata.map(\.name) == ["x-first", "x-why"])
  }

  @Test("anything else is UNKNOWN, with nothing of it for the client and all of it in the log")
  func anyError() throws {
    let (work, world) = outcome { _, _ in throw SecretTrouble() }
    let error = try #require(work.error)
    #expect(error.code == .unknown)
    #expect(!"\(error)".contains("hunter2") && !"\(error)".contains("Secret"))
    #expect(world.log.all.contains { $0.contains("hunter2") && $0.contains("Echo/Once") })
  }

  @Test("OK can't be thrown")
  func thrownOK() {
    let (work, _) = outcome { _, _ in throw RPCError(.ok) }
    #expect(work.error?.code == .unknown)
  }

  @Test("a response that can't be encoded is INTERNAL; so is a request, which is not sent")
  func unencodable() {
    let (response, _) = outcome { _, _ in "unwritable" }
    #expect(response.error?.code == .internal)
    let (request, _) = outcome(request: "unwritable") { _, _ in
      Issue.record("the handler ran")
      return ""
    }
    #expect(request.error?.code == .internal)
  }

  @Test("bytes that are no message are INTERNAL, on either side")
  func undecodable() {
    let world = World { router in
      router.unary(Methods.unary) { (request: Text, _) in request }
      router.serverStreaming(Methods.split) { (_: Blob, responses: ResponseWriter<Blob>, _) in
        try await responses.write(Blob(wireBytes: [0xff]))
      }
      router.clientStreaming(Methods.join) { (requests: RequestStream<Text>, _) in
        for try await _ in requests {}
        return Text("")
      }
    }
    let unary = world.start { channel in
      try await channel.unary(Methods.unary, Blob(wireBytes: [0xff])) as Text
    }
    let stream = world.start { channel in
      try await channel.clientStreaming(Methods.join) {
        try await $0.write(Blob(wireBytes: [0xc0]))
      } as Text
    }
    let response = world.start { channel in
      try await channel.serverStreaming(Methods.split, Blob(count: 0)) {
        (responses: ResponseStream<Text>) in for try await _ in responses {}
      }
    }
    world.settle()
    #expect(unary.error?.code == .internal)
    #expect(stream.error?.code == .internal)
    #expect(response.error?.code == .internal)
  }

  @Test("an unknown method is UNIMPLEMENTED")
  func unknownMethod() {
    let world = World { $0.add(EchoService()) }
    let other = MethodDescriptor(service: "test.v1.Echo", method: "once", kind: .unary)
    let work = world.start { try await $0.unary(other, Text("a")) as Text }
    world.settle()
    #expect(work.error?.code == .unimplemented)
  }

  @Test("messages over the limits are RESOURCE_EXHAUSTED, each way", arguments: [9, 10, 11])
  func limits(count: Int) throws {
    var limits = CallLimits()
    limits.maximumInboundMessage = 10
    let text = Text(String(repeating: "x", count: count))
    let (request, _) = outcome(limits: limits, request: text) { _, _ in "ok" }
    let (response, _) = outcome(limits: limits) { _, _ in text }
    limits.maximumInboundMessage = 100
    limits.maximumOutboundMessage = 10
    let (sent, _) = outcome(limits: limits, request: text) { _, _ in "ok" }
    let (answered, _) = outcome(limits: limits) { _, _ in text }
    for work in [request, response, sent, answered] {
      if count > 10 {
        #expect(work.error?.code == .resourceExhausted)
      } else {
        #expect(throws: Never.self) { try work.value() }
      }
    }
  }

  @Test("metadata over the limit are RESOURCE_EXHAUSTED, each way")
  func metadataLimit() throws {
    var metadata = Metadata()
    for number in 0..<10 { try metadata.add("x-\(number)", String(repeating: "x", count: 1000)) }
    let large = metadata
    let (request, _) = outcome(metadata: large) { request, _ in request }
    let (initial, _) = outcome { request, context in
      context.sendInitialMetadata(large)
      return request
    }
    let (trailing, _) = outcome { request, context in
      context.setTrailingMetadata(large)
      return request
    }
    #expect(request.error?.code == .resourceExhausted)
    #expect(initial.error?.code == .resourceExhausted)
    #expect(trailing.error?.code == .resourceExhausted)
  }

  @Test("messages that came before an error are read before it")
  func messagesFirst() throws {
    let world = World { router in
      router.serverStreaming(Methods.split) { (_: Text, responses: ResponseWriter<Text>, _) in
        try await responses.write("1")
        try await responses.write("2")
        throw RPCError(.dataLoss, "gone")
      }
    }
    let work = world.start { channel in
      try await channel.serverStreaming(Methods.split, Text("")) {
        (responses: ResponseStream<Text>) in
        var all: [String] = []
        do {
          for try await response in responses { all.append(response.text) }
        } catch let error as RPCError {
          all.append("\(error)")
        }
        return all
      }
    }
    world.settle()
    #expect(try work.value() == ["1", "2", "DATA_LOSS: gone"])
  }

  @Test("another number of responses than one is an error of a call that has one")
  func responseCount() {
    let world = World { router in
      router.serverStreaming(Methods.split) { (request: Text, responses: ResponseWriter<Text>, _) in
        for part in request.text.split(separator: "+") {
          try await responses.write(Text(String(part)))
        }
      }
    }
    let wrong = MethodDescriptor(service: "test.v1.Echo", method: "Split", kind: .unary)
    let none = world.start { try await $0.unary(wrong, Text("")) as Text }
    let one = world.start { try await $0.unary(wrong, Text("a")) as Text }
    let two = world.start { try await $0.unary(wrong, Text("a+b")) as Text }
    world.settle()
    #expect(none.error?.code == .unimplemented)
    #expect(throws: Never.self) { try one.value() }
    #expect(two.error?.code == .unimplemented)
  }
}
