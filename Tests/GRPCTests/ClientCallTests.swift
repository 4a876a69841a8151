import GRPC
import Testing

@Suite("A client's call, event by event")
struct ClientCallTests {
  private let framed: [UInt8] = [0, 0, 0, 0, 1, UInt8(ascii: "a")]

  @Test("what is written before there is a stream goes out in order once there is one")
  func late() throws {
    let bare = BareClient()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let call = try #require(bare.channel.calls.all.first)
    #expect(call.head.path == "/test.v1.Echo/Once")
    call.attach(bare.transport)
    #expect(bare.transport.letters == "me")
    call.receive(ResponseHead())
    call.receive(framed)
    call.receive(ResponseTrailers())
    bare.settle()
    #expect(try work.value() == "a")
    #expect(bare.transport.letters == "me")
  }

  @Test("a call that waits for its connection writes ahead up to the high-water mark")
  func waiting() {
    let bare = BareClient()
    let written = Record<Int>()
    let work = bare.start { channel in
      try await channel.clientStreaming(Methods.join) { writer in
        for number in 0..<100 {
          try await writer.write(Blob(count: 9995))
          written.append(number)
        }
      } as Text
    }
    bare.settle()
    #expect(written.all.count == 7)
    work.task.cancel()
    bare.settle()
    #expect(work.error?.code == .cancelled)
  }

  @Test("the deadline holds while a call waits for its connection, and it is not carried after")
  func deadlineWhileWaiting() throws {
    let bare = BareClient()
    let work = bare.start { channel in
      try await channel.unary(Methods.unary, Text("q"), options: CallOptions(timeout: .seconds(3)))
        as Text
    }
    bare.settle()
    let call = try #require(bare.channel.calls.all.first)
    bare.clock.advance(by: .seconds(1))
    #expect(call.head.timeout == .seconds(2))
    bare.clock.advance(by: .seconds(2))
    bare.settle()
    #expect(work.error?.code == .deadlineExceeded)
    #expect(call.isEnded)
    call.attach(bare.transport)
    #expect(bare.transport.letters == "c")
  }

  @Test("a status that comes before the requests are through resets the stream")
  func earlyStatus() throws {
    let bare = BareClient()
    let work = bare.start { channel in
      try await channel.bidirectionalStreaming(Methods.chat) {
        (_: RequestWriter<Text>, responses: ResponseStream<Text>) in
        for try await _ in responses {}
      }
    }
    bare.settle()
    let call = try #require(bare.channel.calls.all.first)
    call.attach(bare.transport)
    call.receive(ResponseTrailers(RPCError(.notFound, "no")))
    bare.settle()
    #expect(work.error == RPCError(.notFound, "no"))
    #expect(bare.transport.letters == "c")
  }

  @Test(
    "a server that breaks the protocol fails the call and has its stream reset",
    arguments: [
      ([1, 0, 0, 0, 0], StatusCode.internal), ([0, 255, 255, 255, 255], .resourceExhausted),
    ] as [([UInt8], StatusCode)])
  func broken(bytes: [UInt8], code: StatusCode) throws {
    let bare = BareClient()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let call = try #require(bare.channel.calls.all.first)
    call.attach(bare.transport)
    call.receive(bytes)
    bare.settle()
    #expect(work.error?.code == code)
    #expect(bare.transport.letters == "mec")
  }

  @Test("OK within a message is an INTERNAL error; another status stands")
  func truncated() throws {
    for (trailers, code) in [
      (ResponseTrailers(), StatusCode.internal),
      (ResponseTrailers(RPCError(.aborted)), .aborted),
    ] {
      let bare = BareClient()
      let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
      bare.settle()
      let call = try #require(bare.channel.calls.all.first)
      call.attach(bare.transport)
      call.receive([0, 0, 0])
      call.receive(trailers)
      bare.settle()
      #expect(work.error?.code == code)
    }
  }

  @Test("only the first end counts")
  func firstEnd() throws {
    let bare = BareClient()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let call = try #require(bare.channel.calls.all.first)
    call.attach(bare.transport)
    call.receive(ResponseTrailers(RPCError(.notFound)))
    call.fail(RPCError(.unavailable))
    call.receive(ResponseTrailers())
    call.receive(framed)
    bare.settle()
    #expect(work.error?.code == .notFound)
    #expect(bare.transport.letters == "me")
  }

  @Test("a connection that is lost in mid-answer fails the call at once")
  func lost() throws {
    let bare = BareClient()
    let work = bare.start { try await $0.unary(Methods.unary, Text("q")) as Text }
    bare.settle()
    let call = try #require(bare.channel.calls.all.first)
    call.attach(bare.transport)
    call.receive(framed)
    call.fail(RPCError(StatusCode(http2ErrorCode: 7), "refused"))
    bare.settle()
    #expect(work.error == RPCError(.unavailable, "refused"))
  }
}
