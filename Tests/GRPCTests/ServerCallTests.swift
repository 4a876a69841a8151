import GRPC
import Testing

@Suite("A server's call, event by event")
struct ServerCallTests {
  @Test("a unary call's handler starts when its request is whole, and answers in order")
  func unary() {
    let bare = BareCall(Methods.unary)
    bare.call.receive([0, 0, 0])
    bare.call.receive([0, 1, UInt8(ascii: "a")])
    bare.settle()
    #expect(bare.transport.all.isEmpty)
    bare.call.receiveEnd()
    bare.settle()
    #expect(
      bare.transport.all.map { String(describing: $0).prefix(6) } == ["initia", "messag", "traile"])
    #expect(bare.transport.messages == [Array("<a>".utf8)])
    #expect(bare.transport.ends == [.ok])
  }

  @Test(
    "a single request is awaited until the client has ended its side",
    arguments: [Methods.unary, Methods.split])
  func awaitedRequest(method: MethodDescriptor) {
    let bare = BareCall(method)
    #expect(bare.call.awaited == MessageUnderWay(number: 0, bytes: 0))
    bare.call.receive([0, 0, 0, 0, 1])
    #expect(bare.call.awaited == MessageUnderWay(number: 0, bytes: 5))
    bare.call.receive([UInt8(ascii: "a")])
    #expect(bare.call.awaited?.number == 0)
    bare.call.receiveEnd()
    #expect(bare.call.awaited == nil)
    bare.settle()
  }

  @Test(
    "in a stream, only a message that has begun is awaited",
    arguments: [Methods.join, Methods.chat])
  func awaitedMessage(method: MethodDescriptor) {
    let bare = BareCall(method)
    bare.settle()
    #expect(bare.call.awaited == nil)
    bare.call.receive([0, 0, 0, 0, 1])
    #expect(bare.call.awaited == MessageUnderWay(number: 0, bytes: 5))
    bare.call.receive([UInt8(ascii: "a")])
    bare.settle()
    #expect(bare.call.awaited == nil)
    bare.call.receive([0])
    #expect(bare.call.awaited == MessageUnderWay(number: 1, bytes: 1))
    bare.call.reset()
    #expect(bare.call.awaited == nil)
    bare.settle()
  }

  @Test(
    "another number of requests than one is refused, where one is due",
    arguments: [Methods.unary, Methods.split])
  func cardinality(method: MethodDescriptor) {
    let none = BareCall(method)
    none.call.receiveEnd()
    none.settle()
    #expect(none.transport.ends == [.unimplemented])
    #expect(none.transport.all.count == 1, "trailers only")

    let two = BareCall(method)
    two.send("a", "b")
    #expect(two.transport.ends == [.unimplemented], "at once")
    two.call.receiveEnd()
    two.settle()
    #expect(two.transport.ends == [.unimplemented])
  }

  @Test(
    "a stream that ends within a message is an INTERNAL error",
    arguments: [Methods.unary, Methods.join, Methods.split, Methods.chat], [1, 5, 7])
  func truncated(method: MethodDescriptor, count: Int) {
    let bare = BareCall(method)
    bare.call.receive(Array([0, 0, 0, 0, 9, 1, 2][..<count]))
    bare.settle()
    bare.call.receiveEnd()
    bare.settle()
    #expect(bare.transport.ends == [.internal])
  }

  @Test(
    "a bad prefix ends the call at once",
    arguments: [Methods.unary, Methods.join, Methods.split, Methods.chat],
    [
      ([0, 255, 255, 255, 255], StatusCode.resourceExhausted), ([1, 0, 0, 0, 0], .internal),
      ([128, 0, 0, 0, 0], .internal),
    ] as [([UInt8], StatusCode)])
  func badPrefix(method: MethodDescriptor, bad: ([UInt8], StatusCode)) {
    let bare = BareCall(method)
    bare.settle()
    bare.call.receive(bad.0)
    #expect(bare.transport.ends == [bad.1])
    bare.call.receiveEnd()
    bare.settle()
    #expect(bare.transport.ends == [bad.1])
    #expect(bare.transport.consumedCount == 5)
  }

  @Test("an unknown method is UNIMPLEMENTED, whatever is sent to it")
  func unknownMethod() {
    let bare = BareCall(Methods.unary) { _ in }
    #expect(bare.transport.ends == [.unimplemented])
    bare.send("a")
    bare.call.receiveEnd()
    bare.call.reset()
    bare.settle()
    #expect(bare.transport.ends == [.unimplemented])
    #expect(bare.transport.consumedCount == 6)
  }

  @Test("a reset is answered with nothing, and cancels the handler")
  func reset() {
    let seen = Record<String>()
    let bare = BareCall(Methods.chat) { router in
      router.bidirectionalStreaming(Methods.chat) {
        (requests: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        do {
          for try await request in requests { seen.append(request.text) }
        } catch {
          seen.append("\(error) \(Task.isCancelled)")
          await #expect(throws: CancellationError.self) { try await responses.write("late") }
        }
      }
    }
    bare.send("a")
    bare.settle()
    bare.call.reset()
    bare.call.reset()
    bare.settle()
    #expect(seen.all == ["a", "CancellationError() true"])
    #expect(bare.transport.all.isEmpty)
  }

  @Test("events after the end are harmless, and every byte counts as consumed")
  func afterTheEnd() {
    let bare = BareCall(Methods.join) { router in
      router.clientStreaming(Methods.join) { (_: RequestStream<Text>, _) in Text("done") }
    }
    bare.settle()
    #expect(bare.transport.ends == [.ok])
    bare.send("x", "yy")
    bare.call.receive([9, 9])
    bare.call.receiveEnd()
    bare.call.sent(1 << 40)
    bare.call.reset()
    #expect(bare.transport.ends == [.ok])
    #expect(bare.transport.consumedCount == 6 + 7 + 2)
  }

  @Test("any bytes, cut anywhere, end in one status or none, and all count as consumed")
  func hostile() {
    for seed in UInt64(1)...400 {
      var random = SeededRandom(seed: seed)
      let method =
        [Methods.unary, Methods.join, Methods.split, Methods.chat].randomElement(using: &random)
        ?? Methods.unary
      var limits = CallLimits()
      limits.maximumInboundMessage = 64
      let bare = BareCall(method, limits: limits)
      var total = 0
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        var piece = random.bytes(Int.random(in: 0...12, using: &random))
        for index in piece.indices where Int.random(in: 0...9, using: &random) > 0 {
          piece[index] &= 3
        }
        if Bool.random(using: &random) { piece = [0, 0, 0, 0, 1, 65] }
        bare.call.receive(piece)
        total += piece.count
        if Bool.random(using: &random) { bare.settle() }
      }
      if Bool.random(using: &random) { bare.call.receiveEnd() } else { bare.call.reset() }
      bare.settle()
      bare.call.reset()
      bare.settle()
      #expect(bare.transport.ends.count <= 1, "seed \(seed)")
      #expect(bare.transport.consumedCount == total, "seed \(seed)")
    }
  }
}
