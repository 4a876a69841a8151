import GRPC
import Testing

@Suite("Who ends first")
struct HalfCloseTests {
  @Test(
    "a server that answers before the requests are through is heard, and they stop",
    arguments: 1...20 as ClosedRange<UInt64>)
  func serverFirst(seed: UInt64) throws {
    let world = World(seed: seed) { router in
      router.clientStreaming(Methods.join) { (requests: RequestStream<Blob>, _) in
        var iterator = requests.makeAsyncIterator()
        _ = try await iterator.next()
        return Text("enough")
      }
    }
    let written = Record<Int>()
    let work = world.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        for number in 0..<1000 {
          try await writer.write(Blob(count: 10_000))
          written.append(number)
        }
      } as Text
    }
    world.settle()
    #expect(try work.value() == "enough", "seed \(seed)")
    #expect(written.all.count < 20, "seed \(seed)")
  }

  @Test("an error that comes before the requests are through is the call's")
  func serverFailsFirst() {
    let world = World { router in
      router.clientStreaming(Methods.join) { (_: RequestStream<Blob>, _) -> Text in
        throw RPCError(.permissionDenied, "no")
      }
    }
    let work = world.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        while true { try await writer.write(Blob(count: 10_000)) }
      } as Text
    }
    world.settle()
    #expect(work.error == RPCError(.permissionDenied, "no"))
  }

  @Test("an error of the sender itself is not swallowed by a call that has ended")
  func senderFails() {
    let world = World { router in
      router.clientStreaming(Methods.join) { (_: RequestStream<Blob>, _) in Text("done") }
    }
    let work = world.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        do { while true { try await writer.write(Blob(count: 10_000)) } } catch {
          throw SecretTrouble()
        }
      } as Text
    }
    world.settle()
    #expect(work.anyError is SecretTrouble)
  }

  @Test("nor is it when it is an RPCError, as of another call")
  func senderFailsByAnotherCall() {
    let world = World { router in
      router.clientStreaming(Methods.join) { (_: RequestStream<Blob>, _) in Text("done") }
    }
    let work = world.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        do { while true { try await writer.write(Blob(count: 10_000)) } } catch {
          throw RPCError(.notFound, "elsewhere")
        }
      } as Text
    }
    world.settle()
    #expect(work.error == RPCError(.notFound, "elsewhere"))
  }

  @Test("a client that ends first still reads all that the server has to say")
  func clientFirst() throws {
    let world = World { router in
      router.bidirectionalStreaming(Methods.chat) {
        (requests: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        for try await _ in requests {}
        for number in 1...100 { try await responses.write(Text("\(number)")) }
      }
    }
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
        writer.finish()
        writer.finish()
        await #expect(throws: RPCError.self) { try await writer.write("late") }
        var count = 0
        for try await _ in responses { count += 1 }
        return count
      }
    }
    world.settle()
    #expect(try work.value() == 100)
  }

  @Test("a server that ends with OK lets the reader end and the writer know")
  func serverEnds() throws {
    let world = World { router in
      router.bidirectionalStreaming(Methods.chat) {
        (_: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
        try await responses.write("bye")
      }
    }
    let work = world.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (writer: RequestWriter<Text>, responses: ResponseStream<Text>) in
        var all: [String] = []
        for try await response in responses { all.append(response.text) }
        let error = await #expect(throws: RPCError.self) { try await writer.write("late") }
        #expect(error?.code == .cancelled)
        return all
      }
    }
    world.settle()
    #expect(try work.value() == ["bye"])
  }

  @Test("a stream read past its end is at its end")
  func pastTheEnd() throws {
    let world = World { $0.add(EchoService()) }
    let work = world.start { channel in
      try await channel.serverStreaming(Methods.split, Text("a")) {
        (responses: ResponseStream<Text>) in
        for try await _ in responses {}
        var iterator = responses.makeAsyncIterator()
        return [try await iterator.next(), try await iterator.next()]
      }
    }
    world.settle()
    #expect(try work.value() == [nil, nil])
  }
}
