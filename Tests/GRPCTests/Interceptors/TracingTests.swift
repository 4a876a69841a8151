import GRPC
import InMemoryTracing
import Testing
import Tracing

@Suite("Traces")
struct TracingTests {
  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  private func metadata(_ parents: [String], _ states: [String] = []) throws -> Metadata {
    var metadata = Metadata()
    for parent in parents { try metadata.add("traceparent", parent) }
    for state in states { try metadata.add("tracestate", state) }
    return metadata
  }

  @Test("a context is read, and written as it came")
  func roundTrip() throws {
    let context = try #require(
      TraceContext(try metadata([Self.parent], ["a=1,b@c= x", "d/e=2"])))
    #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(context.parentID == "00f067aa0ba902b7")
    #expect(context.isSampled)
    #expect(context.state == "a=1,b@c= x,d/e=2")
    var written = try metadata(["old"], ["old=1"])
    context.inject(into: &written)
    #expect(written == (try metadata([Self.parent], ["a=1,b@c= x,d/e=2"])))
  }

  @Test(
    "a malformed parent, or two, begin the trace anew",
    arguments: [
      [], [""], [parent, parent], [parent.uppercased()], [parent + "-"], [parent + "0"],
      ["ff" + parent.dropFirst(2)], ["0" + parent], [String(parent.dropLast())],
      ["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
      ["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
      ["00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
      ["00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"],
      ["01" + parent.dropFirst(2) + "x"],
    ])
  func malformed(parents: [String]) throws {
    #expect(TraceContext(try metadata(parents)) == nil)
  }

  @Test("a later version may say more")
  func laterVersion() throws {
    #expect(TraceContext(try metadata(["01" + Self.parent.dropFirst(2) + "-more"])) != nil)
  }

  @Test(
    "a malformed state is dropped, and the parent stays",
    arguments: [
      "a", "=1", "a=", "a=1,a=2", "A=1", "1=2", "a@1=2", "a@b@c=1", "a=b=c",
      String(repeating: "a", count: 257) + "=1", "a=" + String(repeating: "b", count: 511),
      (1...33).map { "k\($0)=1" }.joined(separator: ","),
    ])
  func malformedState(state: String) throws {
    let context = try #require(TraceContext(try metadata([Self.parent], [state])))
    #expect(context.state == nil)
  }

  /// Calls `chain`, whose handler calls `unary`, through tracing interceptors at every step; answers
  /// what the last handler saw of the trace.
  private func chain(_ tracer: (any Tracer)?, _ incoming: Metadata) throws -> [String?] {
    let inner = Record<[String?]>()
    let last = World { router in
      router.unary(Methods.unary) { (request: Text, context) -> Text in
        inner.append([context.metadata["traceparent"], context.metadata["tracestate"]])
        return request
      }
    }
    let onward = last.channel
    let interceptor = TracingInterceptor(tracer: tracer)
    let first = World { router in
      router.unary(Methods.unary) { (request: Text, _) -> Text in
        try await InterceptedChannel(onward, [interceptor]).unary(Methods.unary, request)
      }
      router.intercept(with: interceptor)
    }
    var options = CallOptions()
    options.metadata = incoming
    let given = options
    let work = first.start { try await $0.unary(Methods.unary, Text("a"), options: given) as Text }
    for _ in 0..<4 {
      first.settle()
      last.settle()
    }
    _ = try work.value()
    return inner.all.first ?? []
  }

  @Test("without a tracer a trace is handed on as it came, and none is made up")
  func plain() throws {
    #expect(try chain(nil, metadata([Self.parent], ["a=1"])) == [Self.parent, "a=1"])
    #expect(try chain(nil, metadata(["nonsense"], ["a=1"])) == [nil, nil])
    #expect(try chain(nil, Metadata()) == [nil, nil])
  }

  @Test("with a tracer each call is a span, the client's within the server's")
  func spans() throws {
    let tracer = InMemoryTracer()
    _ = try chain(tracer, metadata([Self.parent]))
    let spans = tracer.finishedSpans
    #expect(spans.map(\.operationName) == ["test.v1.Echo/Once", "test.v1.Echo/Once"])
    #expect(spans.map(\.kind) == [.client, .server])
    #expect(spans.first?.parentSpanID == spans.last?.spanID)
    #expect(spans.first?.attributes["rpc.method"]?.toSpanAttribute() == "Once")
  }
}
