import GRPC
import Logging
import MetricsTestKit
import Testing

@Suite("Logging and metrics")
struct ObservationTests {
  private func run(_ interceptor: any ServerInterceptor, _ method: MethodDescriptor) {
    let world = World { router in
      router.unary(Methods.unary) { (request: Text, _) -> Text in
        switch request.text {
        case "missing": throw RPCError(.notFound, "missing")
        case "trouble": throw SecretTrouble()
        default: return request
        }
      }
      router.intercept(with: interceptor)
    }
    for text in ["fine", "missing", "trouble"] {
      _ = world.start { try await $0.unary(method, Text(text)) as Text }
      world.settle()
    }
  }

  @Test("each call is one line, as loud as its status")
  func lines() {
    let record = LogRecord()
    let logger = Logger(label: "test") { _ in RecordingLogHandler(record: record, logLevel: .debug)
    }
    run(LoggingInterceptor(logger), Methods.unary)
    #expect(record.all.map { $0.split(separator: " ")[0] } == ["debug", "info", "error"])
    for (line, code) in zip(record.all, ["OK", "NOT_FOUND", "UNKNOWN"]) {
      #expect(line.contains("/test.v1.Echo/Once") && line.contains(code))
      #expect(line.contains("\"peer\": in-process"))
    }
  }

  @Test("a line that nobody hears is not made")
  func quiet() {
    let record = LogRecord()
    let logger = Logger(label: "test") { _ in RecordingLogHandler(record: record, logLevel: .error)
    }
    run(LoggingInterceptor(logger), Methods.unary)
    #expect(record.all.count == 1)
  }

  private func dimensions(_ method: MethodDescriptor) -> [(String, String)] {
    [("grpc_service", method.service), ("grpc_method", method.method), ("grpc_type", "unary")]
  }

  @Test("calls are counted by method and status, with their messages and their time")
  func counts() throws {
    let metrics = TestMetrics()
    run(MetricsInterceptor(factory: metrics), Methods.unary)
    let own = dimensions(Methods.unary)
    #expect(try metrics.expectCounter("grpc_server_started_total", own).totalValue == 3)
    #expect(try metrics.expectCounter("grpc_server_msg_received_total", own).totalValue == 3)
    #expect(try metrics.expectCounter("grpc_server_msg_sent_total", own).totalValue == 1)
    #expect(try metrics.expectTimer("grpc_server_handling_seconds", own).values.count == 3)
    for code in ["OK", "NOT_FOUND", "UNKNOWN"] {
      let handled = try metrics.expectCounter(
        "grpc_server_handled_total", own + [("grpc_code", code)])
      #expect(handled.totalValue == 1)
    }
  }

  @Test("methods that are not there are counted as one")
  func unknownMethods() throws {
    let metrics = TestMetrics()
    for name in ["A", "B"] {
      run(
        MetricsInterceptor(factory: metrics),
        MethodDescriptor(service: "made.Up", method: name, kind: .unary))
    }
    let handled = try metrics.expectCounter(
      "grpc_server_handled_total",
      dimensions(MethodDescriptor(service: "_OTHER", method: "_OTHER", kind: .unary))
        + [("grpc_code", "UNIMPLEMENTED")])
    #expect(handled.totalValue == 6)
    #expect(metrics.counters.allSatisfy { $0.dimensions.allSatisfy { $0.1 != "made.Up" } })
  }

  @Test("a client's calls are counted likewise")
  func client() throws {
    let metrics = TestMetrics()
    let world = World { $0.add(EchoService()) }
    let work = world.start { channel in
      let channel = InterceptedChannel(channel, [MetricsInterceptor(factory: metrics)])
      for _ in 0..<2 { _ = try await channel.unary(Methods.unary, Text("a")) as Text }
    }
    world.settle()
    try work.value()
    let own = dimensions(Methods.unary)
    #expect(try metrics.expectCounter("grpc_client_started_total", own).totalValue == 2)
    #expect(
      try metrics.expectCounter("grpc_client_handled_total", own + [("grpc_code", "OK")]).totalValue
        == 2)
  }
}
