import GRPC
import Testing

@Suite("Cancellation")
struct CancellationTests {
  /// A world whose handlers wait for ever and tell how that ended.
  private func waiting(seed: UInt64 = 1) -> (World, Record<String>) {
    let seen = Record<String>()
    let world = World(seed: seed) { router in
      router.unary(Methods.unary) { (request: Text, _) -> Text in
        seen.append("began")
        defer { seen.append("cancelled: \(Task.isCancelled)") }
        try await forever()
        return request
      }
      router.bidirectionalStreaming(Methods.chat) {
        (requests: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        seen.append("began")
        defer { seen.append("cancelled: \(Task.isCancelled)") }
        try await responses.write("hello")
        for try await _ in requests {}
      }
    }
    return (world, seen)
  }

  @Test(
    "a caller's cancellation is the handler's, and CANCELLED for the caller",
    arguments: 1...20 as ClosedRange<UInt64>)
  func byCaller(seed: UInt64) {
    let (world, seen) = waiting(seed: seed)
    let work = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(!work.isDone)
    work.task.cancel()
    world.settle()
    #expect(work.error?.code == .cancelled, "seed \(seed)")
    #expect(seen.all == ["began", "cancelled: true"], "seed \(seed)")
  }

  @Test("a call of a task that is cancelled already never begins")
  func beforehand() {
    let (world, seen) = waiting()
    let work = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    work.task.cancel()
    world.settle()
    #expect(work.error?.code == .cancelled)
    #expect(seen.all.isEmpty)
  }

  @Test("a body that throws ends its call with its own error")
  func bodyThrows() {
    let (world, seen) = waiting()
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (_: RequestWriter<Text>, responses: ResponseStream<Text>) in
        for try await _ in responses { throw SecretTrouble() }
      }
    }
    world.settle()
    #expect(work.anyError is SecretTrouble)
    #expect(seen.all == ["began", "cancelled: true"])
  }

  @Test("a body that returns before the end cancels the rest")
  func bodyReturns() throws {
    let (world, seen) = waiting()
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (_: RequestWriter<Text>, responses: ResponseStream<Text>) in
        var iterator = responses.makeAsyncIterator()
        return try await iterator.next()
      }
    }
    world.settle()
    #expect(try work.value() == "hello")
    #expect(seen.all == ["began", "cancelled: true"])
  }

  @Test("a handler that throws CancellationError by itself gives CANCELLED")
  func byHandler() {
    let world = World { router in
      router.unary(Methods.unary) { (_: Text, _) -> Text in throw CancellationError() }
    }
    let work = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(work.error?.code == .cancelled)
  }

  @Test("a handler's child that stops reading leaves the call as it is")
  func childOfHandler() throws {
    let world = World { router in
      router.bidirectionalStreaming(Methods.chat) {
        (requests: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        let first = await withTaskGroup(of: String.self) { group in
          group.addTask {
            var iterator = requests.makeAsyncIterator()
            do { return try await iterator.next()?.text ?? "end" } catch { return "\(error)" }
          }
          group.addTask { "other" }
          var all: [String] = []
          for await text in group {
            all.append(text)
            group.cancelAll()
          }
          return all.joined(separator: " ")
        }
        try await responses.write(Text(first))
        for try await request in requests { try await responses.write(request) }
      }
    }
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
        var iterator = responses.makeAsyncIterator()
        let first = try await iterator.next()
        try await writer.write("still there")
        writer.finish()
        return [first, try await iterator.next()]
      }
    }
    world.settle()
    #expect(try work.value() == ["other CancellationError()", "still there"])
  }

  @Test("a lost connection is UNAVAILABLE for callers and cancels handlers")
  func lostConnection() throws {
    let (world, seen) = waiting()
    let calls = (0..<3).map { _ in
      world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    }
    world.settle()
    world.channel.disconnect()
    world.settle()
    #expect(calls.map { $0.error?.code } == [.unavailable, .unavailable, .unavailable])
    #expect(seen.all.filter { $0 == "cancelled: true" }.count == 3)
    let later = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(later.error?.code == .unavailable)
    world.channel.reconnect()
    let again = world.start { try await $0.unary(Methods.unary, Text("a")) as Text }
    world.settle()
    #expect(!again.isDone)
    again.task.cancel()
    world.settle()
  }

  @Test("two readers of one stream: the second is told, the first reads on")
  func twoReaders() throws {
    let world = World { $0.add(EchoService()) }
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
        await withTaskGroup(of: String.self) { group in
          for _ in 0..<2 {
            group.addTask {
              var iterator = responses.makeAsyncIterator()
              do { return try await iterator.next()?.text ?? "end" } catch { return "refused" }
            }
          }
          var all = [await group.next()]
          try? await writer.write("a")
          all.append(await group.next())
          return all
        }
      }
    }
    world.settle()
    #expect(try work.value() == ["refused", "<a>"])
  }
}
