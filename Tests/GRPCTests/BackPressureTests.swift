import GRPC
import Testing

@Suite("Back-pressure")
struct BackPressureTests {
  @Test(
    "a writer whose reader doesn't read waits at the high-water mark, and goes on as it reads",
    arguments: [1, 100, 5000, 100_000])
  func serverWrites(size: Int) throws {
    let written = Record<Int>()
    let world = World { router in
      router.bidirectionalStreaming(Methods.chat) {
        (_: RequestStream<Text>, responses: ResponseWriter<Blob>, _) in
        for number in 0..<200_000 {
          try await responses.write(Blob(count: size))
          written.append(number)
        }
      }
    }
    let gate = Gate()
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (_: RequestWriter<Text>, responses: ResponseStream<Blob>) in
        try await gate.wait()
        var iterator = responses.makeAsyncIterator()
        for _ in 0..<(200_000 / size + 5) { _ = try await iterator.next() }
        try await gate.wait()
      }
    }
    world.settle()
    let framed = size + 5
    let room = CallLimits().highWaterMark / framed + 1
    #expect(written.all.count == room)
    gate.open()
    world.settle()
    let read = 200_000 / size + 5
    #expect(written.all.count > room)
    #expect(written.all.count <= room + read)
    gate.open()
    world.settle()
    #expect(work.isDone)
  }

  @Test("a client's writer waits as well, and cancellation frees it with nothing written")
  func clientWrites() {
    let world = World { router in
      router.clientStreaming(Methods.join) { (_: RequestStream<Blob>, _) -> Text in
        try await forever()
        return Text("")
      }
    }
    let written = Record<Int>()
    let work = world.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<10 {
            group.addTask {
              while true {
                try await writer.write(Blob(count: 9995))
                written.append(number)
              }
            }
          }
          try await group.waitForAll()
        }
      } as Text
    }
    world.settle()
    #expect(written.all.count == 7, "65,536 bytes of room for messages of 10,000")
    work.task.cancel()
    world.settle()
    #expect(work.error?.code == .cancelled)
    #expect(written.all.count == 7)
  }

  @Test("a writer that is cancelled while it waits writes nothing, and the call goes on")
  func cancelledWriter() throws {
    let gate = Gate()
    let world = World { router in
      router.bidirectionalStreaming(Methods.chat) {
        (_: RequestStream<Text>, responses: ResponseWriter<Blob>, _) in
        let error = await withTaskGroup(of: (any Error)?.self) { group in
          group.addTask {
            do {
              for _ in 0..<3 { try await responses.write(Blob(count: 40_000)) }
              return nil
            } catch {
              return error
            }
          }
          group.addTask {
            try? await gate.wait()
            return nil
          }
          _ = await group.next()
          group.cancelAll()
          return await group.next() ?? nil
        }
        #expect(error is CancellationError)
      }
    }
    let reading = Gate()
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (_: RequestWriter<Text>, responses: ResponseStream<Blob>) in
        try await reading.wait()
        var count = 0
        for try await _ in responses { count += 1 }
        return count
      }
    }
    world.settle()
    gate.open()
    world.settle()
    reading.open()
    world.settle()
    #expect(try work.value() == 2)
  }

  @Test("what has left makes room at the low-water mark, not before")
  func lowWaterMark() {
    let written = Record<Int>()
    let bare = BareCall(Methods.chat) { router in
      router.bidirectionalStreaming(Methods.chat) {
        (_: RequestStream<Text>, responses: ResponseWriter<Blob>, _) in
        for number in 0..<1000 {
          try await responses.write(Blob(count: 995))
          written.append(number)
        }
      }
    }
    bare.settle()
    #expect(written.all.count == 66)
    bare.call.sent(33_000)
    bare.settle()
    #expect(written.all.count == 66)
    bare.call.sent(1000)
    bare.settle()
    #expect(written.all.count == 66 + 34)
  }

  @Test("what a handler reads counts as consumed, and what it doesn't does not")
  func consumption() {
    let gate = Gate()
    let bare = BareCall(Methods.join) { router in
      router.clientStreaming(Methods.join) { (requests: RequestStream<Blob>, _) in
        try await gate.wait()
        for try await _ in requests {}
        return Text("")
      }
    }
    bare.settle()
    for _ in 0..<100 { bare.call.receive([0, 0, 0, 0x3, 0xe3] + Blob(count: 995).bytes) }
    bare.settle()
    #expect(bare.transport.consumedCount == 0)
    gate.open()
    bare.settle()
    #expect(bare.transport.consumedCount == 100_000)
  }
}
