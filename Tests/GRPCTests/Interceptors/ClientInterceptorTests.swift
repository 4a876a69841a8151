import GRPC
import Testing

private struct Adding: ClientInterceptor {
  let name: String
  let notes: Record<String>

  func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws {
    var options = options
    try options.metadata.add("via", name)
    let outcome = await next(options)
    notes.append(
      "\(name) \(method.method) \(outcome.code) \(outcome.messagesReceived)/\(outcome.messagesSent)"
    )
  }
}

private struct Blocking: ClientInterceptor {
  let error: RPCError?
  func intercept(
    _ method: MethodDescriptor, _ options: CallOptions, _ next: ClientInterception
  ) async throws {
    if let error { throw error }
  }
}

@Suite("Interceptors of a channel")
struct ClientInterceptorTests {
  private let notes = Record<String>()
  private let seen = Record<[String]>()

  private func world() -> World {
    let seen = seen
    return World { router in
      router.add(EchoService())
      router.unary(Methods.unary) { (request: Text, context) -> Text in
        seen.append(context.metadata.strings(named: "via"))
        if request == "bad" { throw RPCError(.notFound, "bad") }
        return request
      }
    }
  }

  @Test("stand around calls, the first outermost, and may change their options")
  func order() throws {
    let world = world()
    let notes = notes
    let work = world.start { channel in
      let channel = InterceptedChannel(
        InterceptedChannel(channel, [Adding(name: "a", notes: notes)]),
        [Adding(name: "b", notes: notes)])
      _ = try await channel.unary(Methods.unary, Text("x")) as Text
      return try await channel.bidirectionalStreaming(Methods.chat) {
        (requests: RequestWriter<Text>, responses: ResponseStream<Text>) in
        for _ in 0..<3 { try await requests.write("y") }
        requests.finish()
        return try await responses.reduce(into: 0) { count, _ in count += 1 }
      }
    }
    world.settle()
    #expect(try work.value() == 3)
    #expect(seen.all == [["a", "b"]])
    #expect(notes.all == ["b Once OK 1/1", "a Once OK 1/1", "b Chat OK 3/3", "a Chat OK 3/3"])
  }

  @Test("hear the server's status, and the caller still gets its error")
  func errors() {
    let world = world()
    let notes = notes
    let work = world.start { channel in
      try await InterceptedChannel(channel, [Adding(name: "a", notes: notes)])
        .unary(Methods.unary, Text("bad")) as Text
    }
    world.settle()
    #expect(work.error == RPCError(.notFound, "bad"))
    #expect(notes.all == ["a Once NOT_FOUND 0/1"])
  }

  @Test("that throw keep the call from being made")
  func refusal() {
    let world = world()
    let notes = notes
    for (error, code) in [
      (RPCError(.failedPrecondition, "no"), StatusCode.failedPrecondition), (nil, .internal),
    ] {
      let work = world.start { channel in
        try await InterceptedChannel(
          channel, [Adding(name: "a", notes: notes), Blocking(error: error)]
        ).unary(Methods.unary, Text("x")) as Text
      }
      world.settle()
      #expect(work.error?.code == code)
    }
    #expect(seen.all.isEmpty)
    #expect(notes.all.first == "a Once FAILED_PRECONDITION 0/0")
  }
}
