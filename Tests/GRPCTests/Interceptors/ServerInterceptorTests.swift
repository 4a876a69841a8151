import GRPC
import Testing

/// Notes when it begins and what it hears.
struct Noting: ServerInterceptor {
  let name: String
  let notes: Record<String>

  func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
    notes.append("\(name) \(context.method.path)")
    let outcome = await next()
    notes.append(
      "\(name) \(outcome.code) \(outcome.messagesReceived)/\(outcome.messagesSent)")
  }
}

/// Does something else than to go on.
struct Refusing: ServerInterceptor {
  let error: RPCError?
  func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
    if let error { throw error }
  }
}

/// Goes on, then ends the call with another error.
struct Replacing: ServerInterceptor {
  func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
    let outcome = await next()
    if outcome.code == .unknown { throw RPCError(.aborted, "replaced") }
  }
}

enum Tag {
  @TaskLocal static var value = ""
}

struct Tagging: ServerInterceptor {
  func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
    await Tag.$value.withValue("tagged") { _ = await next() }
  }
}

/// Says who the user is, and who was it before; hides the token.
struct Signing: ServerInterceptor {
  let user: String
  func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
    var metadata = Metadata()
    if context.metadata["token"] == nil, let before = context.metadata["user"] {
      try metadata.add("by", before)
    }
    try metadata.add("user", user)
    context.setMetadata(metadata)
    _ = await next()
  }
}

@Suite("Interceptors of a server")
struct ServerInterceptorTests {
  private let notes = Record<String>()

  private func call(_ world: World, _ text: Text = "a+b") -> [Work<Int>] {
    [
      world.start { channel in
        _ = try await channel.unary(Methods.unary, text) as Text
        return 1
      },
      world.start { channel in
        let _: Text = try await channel.clientStreaming(Methods.join) { requests in
          for _ in 0..<3 { try await requests.write(text) }
        }
        return 1
      },
      world.start { channel in
        try await channel.serverStreaming(Methods.split, text) {
          (responses: ResponseStream<Text>) in
          try await responses.reduce(into: 0) { count, _ in count += 1 }
        }
      },
      world.start { channel in
        try await channel.bidirectionalStreaming(Methods.chat) {
          (requests: RequestWriter<Text>, responses: ResponseStream<Text>) in
          for _ in 0..<3 { try await requests.write(text) }
          requests.finish()
          return try await responses.reduce(into: 0) { count, _ in count += 1 }
        }
      },
    ]
  }

  @Test("stand around calls of every shape, the first outermost, and count their messages")
  func shapes() throws {
    let world = World { router in
      router.intercept(with: Noting(name: "outer", notes: notes))
      router.add(EchoService())
      router.intercept(with: Noting(name: "inner", notes: notes))
    }
    for (index, counts) in ["1/1", "3/1", "1/2", "3/3"].enumerated() {
      let work = call(world)
      world.settle()
      _ = try work[index].value()
      let path = [Methods.unary, Methods.join, Methods.split, Methods.chat][index].path
      let own = notes.all.filter { $0.hasSuffix(path) }
      #expect(own.first == "outer \(path)" && own.dropFirst().first == "inner \(path)")
      #expect(notes.all.contains("inner OK \(counts)"))
      #expect(notes.all.contains("outer OK \(counts)"))
    }
  }

  @Test("that throw refuse the call; the handler does not run, those around hear of it")
  func refusal() {
    let world = World { router in
      router.add(EchoService())
      router.intercept(
        with: Noting(name: "outer", notes: notes),
        Refusing(error: RPCError(.permissionDenied, "not you")))
    }
    let work = call(world)
    world.settle()
    for each in work { #expect(each.error?.code == .permissionDenied) }
    #expect(notes.all.filter { $0.hasPrefix("outer PERMISSION_DENIED") }.count == 4)
  }

  @Test("that neither refuse nor go on are an INTERNAL error, not an answer")
  func neither() {
    let world = World { router in
      router.add(EchoService())
      router.intercept(with: Refusing(error: nil))
    }
    let work = call(world)
    world.settle()
    for each in work { #expect(each.error?.code == .internal) }
  }

  @Test("may end a call otherwise than its handler")
  func replacement() {
    let world = World { router in
      router.unary(Methods.unary) { (_: Text, _) -> Text in throw SecretTrouble() }
      router.intercept(with: Replacing())
    }
    let work = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(work.error?.code == .aborted)
  }

  @Test("bind task-locals for the handler")
  func taskLocals() throws {
    let world = World { router in
      router.unary(Methods.unary) { (_: Text, _) in Text(Tag.value) }
      router.intercept(with: Tagging())
    }
    let work = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(try work.value() == "tagged")
  }

  @Test("set the metadata that is read within, and not what was sent")
  func metadata() throws {
    let world = World { router in
      router.unary(Methods.unary) { (_: Text, context) in
        Text(context.metadata.map { "\($0.name)=\($0.value)" }.joined(separator: " "))
      }
      router.intercept(with: Signing(user: "ann"), Signing(user: "bob"))
    }
    let calls = (0..<2).map { _ in
      world.start { channel in
        var options = CallOptions()
        try options.metadata.add("token", "secret")
        try options.metadata.add("user", "root")
        return try await channel.unary(Methods.unary, Text(""), options: options) as Text
      }
    }
    world.settle()
    for call in calls { #expect(try call.value() == #"by=text("ann") user=text("bob")"#) }
  }

  @Test("see calls of methods that are not there")
  func unknownMethod() {
    let world = World { router in
      router.intercept(with: Noting(name: "x", notes: notes))
    }
    let work = call(world)
    world.settle()
    for each in work { #expect(each.error?.code == .unimplemented) }
    #expect(notes.all.filter { $0 == "x UNIMPLEMENTED 0/0" }.count == 4)
    #expect(notes.all.contains("x \(Methods.unary.path)"))
  }

  @Test("see calls that end before they have a handler")
  func beforeTheHandler() {
    let endings: [(BareCall) -> Void] = [
      { $0.call.receiveEnd() },
      { $0.call.reset() },
      { $0.clock.advance(by: .seconds(2)) },
    ]
    for (end, code) in zip(endings, ["UNIMPLEMENTED", "CANCELLED", "DEADLINE_EXCEEDED"]) {
      let notes = Record<String>()
      let bare = BareCall(Methods.unary, timeout: .seconds(2)) { router in
        router.add(EchoService())
        router.intercept(with: Noting(name: "x", notes: notes))
      }
      bare.settle()
      end(bare)
      bare.settle()
      #expect(notes.all == ["x \(Methods.unary.path)", "x \(code) 0/0"])
    }
  }

  @Test("hear what really ended a call that was cut off, whatever its handler threw")
  func cutOff() {
    let world = World { router in
      router.unary(Methods.unary) { (request: Text, _) -> Text in
        try? await forever()
        return request
      }
      router.intercept(with: Noting(name: "x", notes: notes))
    }
    let work = world.start {
      try await $0.unary(Methods.unary, Text("a"), options: CallOptions(timeout: .seconds(5)))
        as Text
    }
    world.pass(.seconds(5))
    #expect(work.error?.code == .deadlineExceeded)
    #expect(notes.all.last?.hasPrefix("x DEADLINE_EXCEEDED") == true)
  }
}
