import GRPC
import Testing

@Suite("Simulation")
struct DeterminismTests {
  /// What several calls with faults do, in the order in which they do it.
  private func trace(seed: UInt64) -> [String] {
    let trace = Record<String>()
    let world = World(seed: seed) { router in
      router.bidirectionalStreaming(Methods.chat) {
        (requests: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        for try await request in requests {
          trace.append("got \(request.text)")
          try await responses.write(request)
        }
      }
    }
    let calls = (0..<5).map { call in
      world.start { channel in
        try await channel.bidirectionalStreaming(
          Methods.chat, options: CallOptions(timeout: .seconds(call + 1))
        ) { (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
          async let writing: Void = {
            for number in 0..<5 { try await writer.write(Text("\(call).\(number)")) }
          }()
          for try await response in responses { trace.append("back \(response.text)") }
          try await writing
        }
      }
    }
    for step in 0..<6 {
      world.pass(.seconds(1))
      trace.append("\(step): \(calls.map(\.isDone))")
      if step == 3 { world.channel.disconnect() }
    }
    return trace.all
  }

  @Test("a seed gives the same run again, and other seeds give others")
  func sameAgain() {
    var traces: Set<[String]> = []
    for seed in UInt64(1)...30 {
      let first = trace(seed: seed)
      #expect(first == trace(seed: seed), "seed \(seed)")
      traces.insert(first)
    }
    #expect(traces.count > 20)
  }
}
