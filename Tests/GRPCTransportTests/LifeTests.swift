import GRPC
import GRPCTransport
import Glibc
import Testing

@Suite("The life of a connection", .timeLimit(.minutes(1)))
struct LifeTests {
  @Test("Shutting down lets calls finish and takes no new ones", arguments: SocketKind.allCases)
  func drain(kind: SocketKind) async throws {
    try await Fixture.run(kind) { fixture in
      async let answer: Bytes = fixture.client.unary(EchoService.wait, Bytes("patience"))
      await fixture.service.began.wait()
      async let down: Void = fixture.server.shutdown(within: .seconds(30))
      // New calls fail once the listener is gone and the client has heard of the shutdown.
      while true {
        let error = await failure {
          let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes("late"))
        }
        if let error {
          #expect(error.code == .unavailable)
          break
        }
      }
      fixture.service.gate.fire()
      let received = try await answer
      #expect(received == "patience")
      await down
    }
  }

  @Test("After the grace calls are cut off, and a stubborn handler holds nothing")
  func bound() async throws {
    try await Fixture.run { fixture in
      async let hanging = failure {
        let _: Bytes = try await fixture.client.unary(EchoService.hang, Bytes(""))
      }
      async let stubborn = failure {
        let _: Bytes = try await fixture.client.unary(EchoService.wait, Bytes(""))
      }
      await fixture.service.began.wait()
      await fixture.server.shutdown(within: .milliseconds(50))
      #expect(fixture.server.connectionCount == 0)
      #expect(await hanging?.code == .unavailable)
      #expect(await stubborn?.code == .unavailable)
      await fixture.service.cancelled.wait()
    }
  }

  @Test("A client's close fails its calls and cancels their handlers")
  func clientClose() async throws {
    try await Fixture.run { fixture in
      async let hanging = failure {
        let _: Bytes = try await fixture.client.unary(EchoService.hang, Bytes(""))
      }
      await fixture.service.began.wait()
      await fixture.client.close()
      #expect(await hanging?.code == .unavailable)
      await fixture.service.cancelled.wait()
      let after = await failure {
        let _: Bytes = try await fixture.client.unary(EchoService.say, Bytes(""))
      }
      #expect(after?.code == .unavailable)
    }
  }

  @Test("A client's close with a grace lets a call finish")
  func clientGrace() async throws {
    try await Fixture.run { fixture in
      async let answer: Bytes = fixture.client.unary(EchoService.wait, Bytes("patience"))
      await fixture.service.began.wait()
      async let closed: Void = fixture.client.close(within: .seconds(30))
      fixture.service.gate.fire()
      let received = try await answer
      #expect(received == "patience")
      await closed
    }
  }

  @Test("Without a server calls fail with UNAVAILABLE, at once while the client backs off")
  func noServer() async throws {
    let client = GRPCClient(SocketKind.unix.free())
    for _ in 0..<3 {
      let error = await failure {
        let _: Bytes = try await client.unary(EchoService.say, Bytes(""))
      }
      #expect(error?.code == .unavailable)
    }
    await client.close()
  }

  @Test("A call that waits for ready is made when the server comes, and again after it came back")
  func reconnects() async throws {
    var configuration = ClientConfiguration()
    configuration.backoff.first = .milliseconds(5)
    configuration.backoff.longest = .milliseconds(20)
    let endpoint = SocketKind.unix.free()
    let client = GRPCClient(endpoint, configuration: configuration)
    var patient = CallOptions(timeout: .seconds(30))
    patient.waitsForReady = true
    let early = await failure {
      let _: Bytes = try await client.unary(EchoService.say, Bytes(""))
    }
    #expect(early?.code == .unavailable)
    for round in 0..<3 {
      let options = patient
      async let answer = persistently(client, Bytes("\(round)"), options)
      let server = try await GRPCServer.start(router(EchoService()), on: endpoint)
      let received = try await answer
      #expect(received.text == "\(round)")
      await server.shutdown(within: .zero)
    }
    await client.close()
  }

  /// Calls again when the call went out on the connection that was just lost.
  private func persistently(
    _ client: GRPCClient, _ request: Bytes, _ options: CallOptions
  ) async throws -> Bytes {
    while true {
      do {
        return try await client.unary(EchoService.say, request, options: options)
      } catch let error as RPCError where error.code == .unavailable {
        continue
      }
    }
  }

  @Test("A call waiting for a server ends with its deadline or its caller")
  func waitingEnds() async throws {
    let client = GRPCClient(SocketKind.unix.free())
    var options = CallOptions(timeout: .milliseconds(30))
    options.waitsForReady = true
    let patient = options
    let late = await failure {
      let _: Bytes = try await client.unary(EchoService.say, Bytes(""), options: patient)
    }
    #expect(late?.code == .deadlineExceeded)
    let caller = Task {
      var options = CallOptions()
      options.waitsForReady = true
      let patient = options
      return await failure {
        let _: Bytes = try await client.unary(EchoService.say, Bytes(""), options: patient)
      }
    }
    caller.cancel()
    #expect(await caller.value?.code == .cancelled)
    await client.close()
  }

  @Test("Plaintext outside of loopback needs to be asked for")
  func insecure() async throws {
    await #expect(throws: TransportError.insecureEndpoint("0.0.0.0:0")) {
      _ = try await GRPCServer.start(Router(), on: .tcp(host: "0.0.0.0", port: 0))
    }
    await #expect(throws: TransportError.invalidEndpoint("the port 70000 is not one")) {
      _ = try await GRPCServer.start(Router(), on: .tcp(host: "127.0.0.1", port: 70_000))
    }
    let client = GRPCClient(.tcp(host: "127.0.0.1", port: 70_000))
    let error = await failure { let _: Bytes = try await client.unary(EchoService.say, Bytes("")) }
    #expect(error?.code == .unavailable)
    await client.close()
  }

  @Test("A socket file left behind is replaced, one in use is not, another file neither")
  func socketFiles() async throws {
    let endpoint = SocketKind.unix.free()
    guard case .unix(let path) = endpoint else { return }
    let first = try await GRPCServer.start(router(EchoService()), on: endpoint)
    var info = stat()
    #expect(lstat(path, &info) == 0 && info.st_mode & 0o777 == 0o600)
    await #expect(throws: TransportError.self) {
      _ = try await GRPCServer.start(Router(), on: endpoint)
    }
    // What a killed server leaves: the file, and nobody behind it.
    let aside = path + ".aside"
    #expect(rename(path, aside) == 0)
    await first.shutdown(within: .zero)
    #expect(rename(aside, path) == 0)
    let second = try await GRPCServer.start(router(EchoService()), on: endpoint)
    await second.shutdown(within: .zero)
    #expect(lstat(path, &info) != 0)

    close(open(path, O_CREAT | O_WRONLY, 0o600))
    await #expect(throws: TransportError.self) {
      _ = try await GRPCServer.start(Router(), on: endpoint)
    }
    #expect(unlink(path) == 0)
  }
}
