import GRPC
import Testing

@Suite("The four shapes of a call, in process")
struct FourShapesTests {
  @Test("a unary call brings its answer", arguments: 1...20 as ClosedRange<UInt64>)
  func unary(seed: UInt64) throws {
    let world = World(seed: seed) { $0.add(EchoService()) }
    let work = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(try work.value() == "<a>", "seed \(seed)")
  }

  @Test("a client's stream comes in order", arguments: 1...20 as ClosedRange<UInt64>)
  func clientStreaming(seed: UInt64) throws {
    let world = World(seed: seed) { $0.add(EchoService()) }
    let work = world.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        for part in ["a", "b", "", "c"] { try await writer.write(Text(part)) }
      } as Text
    }
    world.settle()
    #expect(try work.value() == "a+b++c", "seed \(seed)")
  }

  @Test("a server's stream comes in order and to its end", arguments: 1...20 as ClosedRange<UInt64>)
  func serverStreaming(seed: UInt64) throws {
    let world = World(seed: seed) { $0.add(EchoService()) }
    let work = world.start { channel in
      try await channel.serverStreaming(Methods.split, Text("a+b+c")) {
        (responses: ResponseStream<Text>) in
        var all: [String] = []
        for try await response in responses { all.append(response.text) }
        return all
      }
    }
    world.settle()
    #expect(try work.value() == ["a", "b", "c"], "seed \(seed)")
  }

  @Test("both streams go on at once", arguments: 1...20 as ClosedRange<UInt64>)
  func bidirectional(seed: UInt64) throws {
    let world = World(seed: seed) { $0.add(EchoService()) }
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
        var all: [String] = []
        var iterator = responses.makeAsyncIterator()
        for number in 1...5 {
          try await writer.write(Text("\(number)"))
          if let answer = try await iterator.next() { all.append(answer.text) }
        }
        writer.finish()
        let end = try await iterator.next()
        #expect(end == nil)
        return all
      }
    }
    world.settle()
    #expect(try work.value() == ["<1>", "<2>", "<3>", "<4>", "<5>"], "seed \(seed)")
  }

  @Test("an empty stream of either side is a stream")
  func emptyStreams() throws {
    let world = World { $0.add(EchoService()) }
    let join = world.start { channel in
      try await channel.clientStreaming(Methods.join) { (_: RequestWriter<Text>) in } as Text
    }
    let split = world.start { channel in
      try await channel.serverStreaming(Methods.split, Text("")) {
        (responses: ResponseStream<Text>) in
        var count = 0
        for try await _ in responses { count += 1 }
        return count
      }
    }
    world.settle()
    #expect(try join.value() == "")
    #expect(try split.value() == 0)
  }

  @Test("metadata goes there, and comes back at the beginning and at the end")
  func metadata() throws {
    let world = World { router in
      router.serverStreaming(Methods.split) {
        (_: Text, responses: ResponseWriter<Text>, context) in
        var initial = Metadata()
        try initial.add("x-seen", context.metadata["x-asked"] ?? "nothing")
        context.sendInitialMetadata(initial)
        context.sendInitialMetadata(Metadata())
        var trailing = Metadata()
        try trailing.addBinary(
          "x-sum-bin", context.metadata.binaries(named: "x-raw-bin").joined() + [0])
        context.setTrailingMetadata(trailing)
        try await responses.write("one")
      }
    }
    let work = world.start { channel in
      var options = CallOptions()
      try options.metadata.add("X-Asked", "why")
      try options.metadata.addBinary("x-raw-bin", [1, 2])
      try options.metadata.addBinary("x-raw-bin", [255])
      return try await channel.serverStreaming(Methods.split, Text(""), options: options) {
        (responses: ResponseStream<Text>) in
        var iterator = responses.makeAsyncIterator()
        _ = try await iterator.next()
        let initial = responses.initialMetadata?["x-seen"]
        _ = try await iterator.next()
        return (initial, responses.trailingMetadata?.binaries(named: "x-sum-bin"))
      }
    }
    world.settle()
    let (initial, trailing) = try work.value()
    #expect(initial == "why")
    #expect(trailing == [[1, 2, 255, 0]])
  }

  @Test("an actor can make calls with what is its own")
  func fromAnActor() async throws {
    actor Caller {
      var seen: [String] = []
      func call(_ channel: InProcessTransport) async throws -> [String] {
        try await channel.serverStreaming(Methods.split, Text("a+b")) {
          (responses: ResponseStream<Text>) in
          for try await response in responses { seen.append(response.text) }
        }
        return seen
      }
    }
    var router = Router()
    router.add(EchoService())
    let channel = InProcessTransport(serving: router)
    #expect(try await Caller().call(channel) == ["a", "b"])
  }

  @Test("many calls at once on the global executor each get their own answer")
  func concurrentCalls() async throws {
    var router = Router()
    router.add(EchoService())
    let channel = InProcessTransport(serving: router)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          let parts = (0..<20).map { "\(number).\($0)" }
          let echoed = try await channel.bidirectionalStreaming(Methods.chat) {
            (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
            async let sending: Void = {
              for part in parts { try await writer.write(Text(part)) }
              writer.finish()
            }()
            var all: [String] = []
            for try await response in responses { all.append(response.text) }
            try await sending
            return all
          }
          return echoed == parts.map { "<\($0)>" }
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}
