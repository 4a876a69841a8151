import GRPC
import Testing

/// Generated servers and clients, against each other.
@Suite struct ServiceTests {
  struct Shapes: ShapesV1.ShapeServiceServer {
    func one(_ request: ShapesV1.Scalars, context: ServerContext) async throws
      -> ShapesV1.Repeated
    {
      ShapesV1.Repeated(strings: [request.stringValue, context.method.path])
    }

    func collect(_ requests: RequestStream<ShapesV1.Scalars>, context: ServerContext) async throws
      -> ShapesV1.Empty
    {
      var texts: [String] = []
      for try await request in requests { texts.append(request.stringValue) }
      guard texts == ["a", "b"] else { throw RPCError(.dataLoss, texts.joined()) }
      return ShapesV1.Empty()
    }

    func spread(
      _ request: ShapesV1.Empty, responses: ResponseWriter<ShapesV1.Tree>, context: ServerContext
    ) async throws {
      for label in ["x", "y"] { try await responses.write(ShapesV1.Tree(label: label)) }
    }

    func both(
      _ requests: RequestStream<ShapesV1.Choice>, responses: ResponseWriter<ShapesV1.Maps>,
      context: ServerContext
    ) async throws {
      for try await request in requests {
        try await responses.write(ShapesV1.Maps(texts: ["echo": request.before]))
      }
    }
  }

  /// Has every method by default.
  struct Nothing: ShapesV1.ShapeServiceServer {}

  private func client(_ service: any RPCService) -> ShapesV1.ShapeServiceClient {
    var router = Router()
    router.add(service)
    return ShapesV1.ShapeServiceClient(InProcessTransport(serving: router))
  }

  @Test(
    "All four shapes go through a generated client to a generated server", .timeLimit(.minutes(1)))
  func fourShapes() async throws {
    let client = client(Shapes())
    let one = try await client.one(ShapesV1.Scalars(stringValue: "hi"))
    #expect(one.strings == ["hi", "/shapes.v1.ShapeService/One"])

    _ = try await client.collect { requests in
      for text in ["a", "b"] { try await requests.write(ShapesV1.Scalars(stringValue: text)) }
    }

    var labels: [String] = []
    try await client.spread(ShapesV1.Empty()) { responses in
      for try await tree in responses { labels.append(tree.label) }
    }
    #expect(labels == ["x", "y"])

    let echoes = try await client.both { requests, responses in
      try await requests.write(ShapesV1.Choice(before: "1"))
      try await requests.write(ShapesV1.Choice(before: "2"))
      requests.finish()
      var texts: [String] = []
      for try await maps in responses { texts.append(maps.texts["echo"] ?? "") }
      return texts
    }
    #expect(echoes == ["1", "2"])
  }

  @Test("A method that a server leaves out answers UNIMPLEMENTED", .timeLimit(.minutes(1)))
  func unimplemented() async throws {
    let client = client(Nothing())
    let error = await #expect(throws: RPCError.self) { try await client.one(ShapesV1.Scalars()) }
    #expect(error?.code == .unimplemented)
    #expect(error?.message == "shapes.v1.ShapeService/One is not implemented")
  }

  @Test("The methods are named and shaped as in the proto file")
  func methods() {
    let methods = ShapesV1.ShapeServiceMethods.all
    #expect(methods.map(\.method) == ["One", "Collect", "Spread", "Both"])
    #expect(
      methods.map(\.kind) == [.unary, .clientStreaming, .serverStreaming, .bidirectionalStreaming])
  }
}
