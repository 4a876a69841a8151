import GRPC
import Testing

@Suite("The current call")
struct CurrentCallTests {
  @Test("a handler and its child tasks find their own call, and others none")
  func current() {
    let seen = Record<[String?]>()
    let world = World { router in
      router.unary(Methods.unary) { (request: Text, context) -> Text in
        let own = ServerContext.current?.metadata["a"]
        async let child = ServerContext.current?.metadata["a"]
        seen.append([context.metadata["a"], own, await child])
        return request
      }
    }
    for name in ["x", "y"] {
      _ = world.start { channel in
        var options = CallOptions()
        try options.metadata.add("a", name)
        return try await channel.unary(Methods.unary, Text("a"), options: options) as Text
      }
    }
    world.settle()
    #expect(Set(seen.all) == [["x", "x", "x"], ["y", "y", "y"]])
    #expect(ServerContext.current == nil)
  }
}
