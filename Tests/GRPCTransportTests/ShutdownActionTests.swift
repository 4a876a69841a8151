import GRPC
import GRPCTransport
import Synchronization
import Testing

@Suite("What a service does for each server")
struct ShutdownActionTests {
  @Test("Servers with one router each begin and end what is their own")
  func own() async throws {
    let log = Log()
    var router = Router()
    for name in ["first", "second"] {
      router.forEachServer { _ in
        let number = log.add("\(name) begins")
        return { log.add("\(name) ends, begun as \(number)") }
      }
    }
    #expect(log.lines == [])
    let one = try await GRPCServer.start(router, on: SocketKind.unix.free())
    let other = try await GRPCServer.start(router, on: SocketKind.unix.free())
    let begun = ["first begins", "second begins", "first begins", "second begins"]
    #expect(log.lines == begun)
    await other.shutdown(within: .zero)
    #expect(log.lines == begun + ["first ends, begun as 3", "second ends, begun as 4"])
    await one.shutdown(within: .zero)
    #expect(log.lines.suffix(2) == ["first ends, begun as 1", "second ends, begun as 2"])
  }

  @Test("A server shut down again, or by several at once, ends what is its own once")
  func once() async throws {
    let log = Log()
    var router = Router()
    router.forEachServer { _ in { log.add("ends") } }
    let server = try await GRPCServer.start(router, on: SocketKind.unix.free())
    async let first: Void = server.shutdown(within: .zero)
    async let second: Void = server.shutdown(within: .zero)
    _ = await (first, second)
    await server.shutdown(within: .zero)
    #expect(log.lines == ["ends"])
  }

  @Test("A server that can't listen has nothing left of its own")
  func failed() async throws {
    let log = Log()
    var router = Router()
    router.forEachServer { _ in
      log.add("begins")
      return { log.add("ends") }
    }
    await #expect(throws: TransportError.self) {
      try await GRPCServer.start(router, on: .unix(path: "/nonexistent/grpc.sock"))
    }
    #expect(log.lines == ["begins", "ends"])
  }

  @Test("The methods that it adds for a server are that server's")
  func handlers() async throws {
    let count = Counter()
    var router = router(EchoService())
    router.forEachServer { router in
      count.add(1)
      let number = count.value
      router.unary(EchoService.say) { (_: Bytes, _) in Bytes("server \(number)") }
      return {}
    }
    for number in 1...2 {
      let server = try await GRPCServer.start(router, on: SocketKind.unix.free())
      let client = GRPCClient(server.endpoint)
      let answer: Bytes = try await client.unary(EchoService.say, Bytes(""))
      #expect(answer.text == "server \(number)")
      await client.close()
      await server.shutdown(within: .zero)
    }
  }
}

private final class Log: Sendable {
  private let all = Mutex<[String]>([])
  var lines: [String] { all.withLock(\.self) }

  /// Answers with the count of lines.
  @discardableResult
  func add(_ line: String) -> Int {
    all.withLock { lines in
      lines.append(line)
      return lines.count
    }
  }
}
